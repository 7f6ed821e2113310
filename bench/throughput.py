"""Pictures an hour by the number of workers and threads: ``python -m bench.throughput``.

For each setting it starts a Valkey, an API process and the workers with the real network, warms
them up, posts a queue of jobs, and measures the time until all have succeeded. The last row is what
``EASEL_WORKERS=auto`` gives.

It also prints what larger machines would give, from Amdahl's law with the serial part that one job
with one thread and with all threads shows here. That leaves out what a machine's memory can carry,
and says nothing about GPUs.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import httpx

from bench.service.processes import SAMPLES, service
from core.runtime.resources import threads as threads_of_the_host

#: Cores of the machines that are simulated.
_LARGER = (8, 16, 64)


def serial_part(single: float, all_threads: float, threads: int) -> float:
    """Return the part of a job that more threads do not speed up, by Amdahl's law.

    Args:
        single: seconds of a job with one thread.
        all_threads: seconds of the same job with several threads.
        threads: their number, at least 2.
    """
    return max(0.0, (all_threads / single - 1 / threads) / (1 - 1 / threads))


def pictures_an_hour(cores: int, workers: int, single: float, serial: float) -> float:
    """Return the pictures of a full queue on a machine where memory is no limit.

    Args:
        cores: of the machine; each worker has an equal share of them.
        workers: how many jobs run at a time.
        single: seconds of a job with one thread.
        serial: the part of a job that more threads do not speed up.
    """
    share = cores / workers
    return 3600 * workers / (single * (serial + (1 - serial) / share))


def seconds(client: httpx.Client, jobs: int, fields: dict[str, Any]) -> float:
    """Post jobs, and return the seconds until all have succeeded."""
    files = {
        "content": ("photo.jpg", (SAMPLES / "photos/cat.jpg").read_bytes()),
        "style": ("painting.jpg", (SAMPLES / "styles/woodblock.jpg").read_bytes()),
    }
    started = time.perf_counter()
    ids = [
        client.post("/jobs", data=fields, files=files).raise_for_status().json()["id"]
        for _ in range(jobs)
    ]
    for job_id in ids:
        while True:
            job = client.get(f"/jobs/{job_id}", params={"wait": 30}).raise_for_status().json()
            if job["done"]:
                assert job["status"] == "succeeded", job
                break
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--jobs", type=int, default=8)
    options = parser.parse_args()
    fields = {"size": options.size, "preset": options.preset}
    most = threads_of_the_host()
    settings = [(str(count), most // count) for count in range(1, most + 1) if most % count == 0]
    settings = list(dict.fromkeys([("1", 1), *settings, ("auto", most)]))
    found: dict[tuple[str, int], float] = {}
    print("| workers | threads of each, at most | pictures an hour |\n|---|---|---|")
    for workers, threads in settings:
        environment = {"EASEL_WORKERS": workers, "OMP_NUM_THREADS": str(threads)}
        with (
            service(**environment) as port,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
        ):
            seconds(client, 2 * most, {**fields, "steps": 1})
            found[workers, threads] = options.jobs / seconds(client, options.jobs, fields) * 3600
        print(f"| {workers} | {threads} | {found[workers, threads]:.0f} |", flush=True)
    single = 3600 / found["1", 1]
    serial = serial_part(single, 3600 / found["1", most], most) if most > 1 else 0.0
    print(f"\nA part of {serial:.2f} of a job is serial. By Amdahl's law:\n")
    print("| cores | one worker | a worker for each core |\n|---|---|---|")
    for cores in _LARGER:
        one, many = (pictures_an_hour(cores, count, single, serial) for count in (1, cores))
        print(f"| {cores} | {one:.0f} | {many:.0f} |")


if __name__ == "__main__":
    main()
