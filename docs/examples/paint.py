"""Paint a photograph in the style of a painting, from Python; needs httpx.

python paint.py photo.jpg painting.jpg painted.png size=256
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx

EASEL = os.environ.get("EASEL_URL", "http://127.0.0.1:8000")
KEY = os.environ.get("EASEL_KEY")


def paint(content: Path, style: Path, **params: str) -> bytes:
    """The painted picture."""
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    with httpx.Client(base_url=EASEL, headers=headers, timeout=60) as easel:
        job = post(easel, content, style, params)
        while not job["done"]:
            answer = again(partial(easel.get, job["links"]["self"])).raise_for_status()
            time.sleep(int(answer.headers.get("Retry-After", 0)))
            job = answer.json()
        if job["status"] != "succeeded":
            raise SystemExit(f"the job is {job['status']}: {job['error']}")
        return again(partial(easel.get, job["links"]["result"])).raise_for_status().content


def post(easel: httpx.Client, content: Path, style: Path, params: dict[str, str]) -> dict[str, Any]:
    """The job. Sent again under the same key, the request makes no second one."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    files = {"content": content.read_bytes(), "style": style.read_bytes()}
    answer = again(partial(easel.post, "/jobs", files=files, data=params, headers=key))
    if answer.status_code == 422:
        raise SystemExit(f"refused: {answer.json()['detail']}")
    job: dict[str, Any] = answer.raise_for_status().json()
    return job


def again(call: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer, asked for again while the server is away or busy."""
    for _ in range(10):
        try:
            answer = call()
        except httpx.TransportError:
            time.sleep(1)
            continue
        if answer.status_code not in (429, 503):
            return answer
        time.sleep(int(answer.headers["Retry-After"]))
    raise SystemExit(f"no answer from {EASEL}")


if __name__ == "__main__":
    content, style, painted, *given = sys.argv[1:]
    params = dict(each.split("=", 1) for each in given)
    Path(painted).write_bytes(paint(Path(content), Path(style), **params))
    print(painted)  # noqa: T201 - it is a command
