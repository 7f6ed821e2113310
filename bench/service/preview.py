"""The time from a post to the first picture: ``python -m bench.service.preview --size 512``.

It starts a Valkey, an API process and a worker with the real network, paints a small picture to
warm the worker up, and posts jobs, each with another photograph than the one before. It prints the
seconds from the beginning of a post until the previews have arrived that show the photograph and,
when the first scale is done, the composition. With ``--draft`` they are the first two of a draft.
"""

from __future__ import annotations

import argparse
import io
import time
from statistics import median
from typing import Any

import httpx
from httpx_sse import connect_sse
from PIL import Image, ImageOps

from bench.service.processes import SAMPLES, service

#: The versions of the previews: the photograph, and the end of the first scale.
_PREVIEWS = (1, 2)


def upload(mirrored: bool) -> bytes:
    """Return a photograph as large as those that users upload."""
    photo = Image.open(SAMPLES / "photos/cat.jpg").convert("RGB").resize((2048, 1536))
    buffer = io.BytesIO()
    (ImageOps.mirror(photo) if mirrored else photo).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def seconds(client: httpx.Client, photo: bytes, fields: dict[str, Any]) -> list[float]:
    """Post a job, and return the seconds until each of the first previews had been fetched."""
    painting = (SAMPLES / "styles/woodblock.jpg").read_bytes()
    started = time.perf_counter()
    files = {"content": ("photo.jpg", photo), "style": ("painting.jpg", painting)}
    job = client.post("/jobs", data=fields, files=files).raise_for_status().json()
    times: list[float] = []
    with connect_sse(client, "GET", f"/jobs/{job['id']}/events") as events:
        for event in events.iter_sse():
            if event.event == "preview" and len(times) < len(_PREVIEWS):
                client.get(f"/jobs/{job['id']}/preview").raise_for_status()
                times.append(time.perf_counter() - started)
                if len(times) == len(_PREVIEWS):
                    client.post(f"/jobs/{job['id']}/cancel")
            if event.json()["done"]:
                return times
    raise ConnectionError("the event stream ended before the job")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--draft", action="store_true", help="post drafts; their size is theirs")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    fields = {"draft": "true"} if options.draft else {"size": options.size}
    names = ("first", "second") if options.draft else ("photograph", "first scale")
    with (
        service() as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        seconds(client, upload(mirrored=True), {"size": 256})
        rounds = [
            seconds(client, upload(mirrored=bool(number % 2)), fields)
            for number in range(options.rounds)
        ]
    for name, times in zip(names, zip(*rounds, strict=True), strict=True):
        print(f"{name:12} median {median(times):.2f} s, slowest {max(times):.2f} s")


if __name__ == "__main__":
    main()
