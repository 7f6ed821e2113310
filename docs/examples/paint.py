"""Render a photograph in the style of a painting, with Python and httpx.

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

EASEL = os.environ.get("EASEL_SERVER", "http://127.0.0.1:8000")
KEY = os.environ.get("EASEL_API_KEY")


def paint(content: Path, style: Path, **params: str) -> bytes:
    """Return the stylised picture."""
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    with httpx.Client(base_url=EASEL, headers=headers, timeout=60) as easel:
        job = post(easel, content, style, params)
        path = f"/jobs/{job['id']}"  # below EASEL, which may have a path of its own
        while not job["done"]:
            response = with_retries(partial(easel.get, path)).raise_for_status()
            time.sleep(int(response.headers.get("Retry-After", 0)))
            job = response.json()
        if job["status"] != "succeeded":
            raise SystemExit(f"job {job['status']}: {job['error']}")
        return with_retries(partial(easel.get, f"{path}/result")).raise_for_status().content


def post(easel: httpx.Client, content: Path, style: Path, params: dict[str, str]) -> dict[str, Any]:
    """Create the job. The idempotency key lets the request be retried without a second job."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    files = {"content": content.read_bytes(), "style": style.read_bytes()}
    response = with_retries(partial(easel.post, "/jobs", files=files, data=params, headers=key))
    if response.status_code == 422:
        raise SystemExit(f"rejected: {response.json()['detail']}")
    if response.status_code == 413:  # from Easel, or from a proxy in front of it
        raise SystemExit("rejected: the pictures are too large")
    job: dict[str, Any] = response.raise_for_status().json()
    return job


def with_retries(call: Callable[[], httpx.Response]) -> httpx.Response:
    """Return the response, with retries while the server is unavailable or busy."""
    for _ in range(10):
        try:
            response = call()
        except httpx.TransportError:
            time.sleep(1)
            continue
        if response.status_code not in (429, 502, 503, 504):
            return response
        time.sleep(int(response.headers.get("Retry-After", 2)))
    raise SystemExit(f"{EASEL} does not respond")


if __name__ == "__main__":
    content, style, painted, *fields = sys.argv[1:]
    params = dict(each.split("=", 1) for each in fields)
    Path(painted).write_bytes(paint(Path(content), Path(style), **params))
    print(painted)  # noqa: T201 - it is a command
