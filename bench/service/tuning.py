"""The time from an edit to the preview that shows it: ``python -m bench.service.tuning``.

It starts a Valkey, an API process and a worker with the real network, and posts a long job of each
size. While it runs, its strength changes at random. It prints the seconds from the beginning of a
``PATCH`` until the first preview has arrived that was made after the worker had taken the change.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import httpx
from httpx_sse import ServerSentEvent, connect_sse

from bench.service.processes import SAMPLES, service

#: The time between a preview and the next edit, in seconds.
_PAUSE = (0.2, 1.5)


def edits(client: httpx.Client, size: int, count: int) -> list[float]:
    """Post a job, edit it while it runs at its last scale, and return the seconds of each edit."""
    with (
        (SAMPLES / "photos/cat.jpg").open("rb") as photo,
        (SAMPLES / "styles/woodblock.jpg").open("rb") as painting,
    ):
        job = client.post(
            "/jobs",
            data={"size": str(size), "steps": "5000"},
            files={"content": photo, "style": painting},
        )
    url = f"/jobs/{job.raise_for_status().json()['id']}"
    times = []
    with connect_sse(client, "GET", f"{url}/events") as stream:
        events = stream.iter_sse()
        for event in events:
            progress = event.json()["progress"]
            if progress and max(progress["width"], progress["height"]) == size:
                break
        for _ in range(count):
            time.sleep(random.uniform(*_PAUSE))
            times.append(edit(client, url, events))
    client.post(f"{url}/cancel").raise_for_status()
    return times


def edit(client: httpx.Client, url: str, events: Iterator[ServerSentEvent]) -> float:
    """Change the strength of a running job, and return the seconds until its preview was there."""
    started = time.perf_counter()
    change = {"strength": round(random.random(), 3)}
    revision = client.patch(url, json=change).raise_for_status().json()["revision"]
    taken = False
    for event in events:
        job: dict[str, Any] = event.json()
        if job["revision"] == revision and job["edits"][-1]["step"] is not None:
            if taken and event.event == "preview":
                client.get(f"{url}/preview").raise_for_status()
                return time.perf_counter() - started
            taken = taken or event.event == "edited"
    raise ConnectionError("the event stream ended before the job")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[192, 512])
    parser.add_argument("--edits", type=int, default=20)
    options = parser.parse_args()
    with (
        service() as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        for size in options.sizes:
            times = sorted(edits(client, size, options.edits))
            print(f"{size}: median {median(times):.2f} s, slowest {times[-1]:.2f} s")


if __name__ == "__main__":
    main()
