"""The accuracy of the estimated time left: ``python -m bench.service.eta --size 256``.

It starts a Valkey, an API process and a worker with the real network, posts a job, follows its
events, and prints how far each ``eta_seconds`` was from the time that was really left. It also
prints what a preview costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from itertools import pairwise
from typing import Any, NamedTuple

import torch

from bench.service.client import form, get, post
from bench.service.processes import SAMPLES, service
from worker.output.previews import INTERVAL_SECONDS, thumbnail


class Estimate(NamedTuple):
    """The content of one progress event, and when it arrived."""

    at: float
    fraction: float
    eta: float | None
    scale: int


async def follow(port: int, fields: dict[str, Any]) -> tuple[list[Estimate], float, float]:
    """Post a job, follow its events, and return the estimates, its start and its end.

    Raises:
        ConnectionError: the event stream ended before the job did.
    """
    photo, painting = SAMPLES / "photos/cat.jpg", SAMPLES / "styles/woodblock.jpg"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post("/jobs", *form(fields, photo.read_bytes(), painting.read_bytes())))
    job_id = (await reader.readuntil(b'"status"')).decode().rpartition('{"id":"')[2][:36]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(get(f"/jobs/{job_id}/events"))
    estimates, started, name = [], 0.0, ""
    while line := (await reader.readline()).decode():
        now = time.monotonic()
        if line.startswith("event: "):
            name = line.removeprefix("event: ").strip()
        elif line.startswith("data: ") and name == "started":
            started = now
        elif line.startswith("data: ") and name == "progress":
            progress = json.loads(line.removeprefix("data: "))["progress"]
            content = (progress["fraction"], progress["eta_seconds"], progress["scale"])
            estimates.append(Estimate(now, *content))
        elif name in ("succeeded", "failed", "canceled"):
            return estimates, started, now
    raise ConnectionError("the event stream ended before the job")


def report(estimates: list[Estimate], started: float, ended: float) -> None:
    """Print the relative error of the time left in each tenth of the run.

    When less than a second is left, the error is relative to one second.
    """
    run = ended - started
    assert all(a.fraction <= b.fraction for a, b in pairwise(estimates)), "the fraction decreased"
    print(f"{run:.1f} s from start to end, {len(estimates)} estimates")
    print("| from this part of the run on | estimates | worst error of the time left |")
    print("|---|---|---|")
    for tenth in range(10):
        within = [e for e in estimates if tenth <= 10 * (e.at - started) / run < tenth + 1]
        errors = [
            abs(estimate.eta - (ended - estimate.at)) / max(ended - estimate.at, 1.0)
            for estimate in within
            if estimate.eta is not None
        ]
        worst = f"{100 * max(errors):.0f} %" if errors else "no estimate"
        print(f"| {tenth / 10:.1f} | {len(within)} | {worst} |")


def preview_cost(size: int) -> None:
    """Print the share of the time that previews take at their shortest interval."""
    image = torch.rand(1, 3, size, size)
    began = time.perf_counter()
    for _ in range(5):
        thumbnail(image)
    seconds = (time.perf_counter() - began) / 5
    part = seconds / INTERVAL_SECONDS
    print(f"a preview takes {1000 * seconds:.1f} ms: {100 * part:.2f} % of the time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--steps", type=int, help="steps at full size; default: the preset's")
    options = parser.parse_args()
    fields = {"size": options.size, "preset": options.preset}
    if options.steps:
        fields["steps"] = options.steps
    with service() as port:
        report(*asyncio.run(follow(port, fields)))
    preview_cost(options.size)


if __name__ == "__main__":
    main()
