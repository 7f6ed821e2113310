"""The number of lease renewals a second at which one Redis saturates."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import httpx

from bench.fleet.costs import api_processor, post_job, progress_at
from bench.fleet.counters import watching
from bench.fleet.service import Parts
from core.jobs.job import Job
from core.params import StyleParams
from core.store.jobs import JobStore
from core.store.keys import job_key
from core.store.scripts import script_text

#: The number of renewals that a connection sends at a time.
_JOBS = 16


def saturation() -> dict[str, Any]:
    """Measure renewals with progress, as fast as one server can handle them."""
    rates = {fsync: _saturated(fsync) for fsync in ("always", "everysec")}
    return {**rates, "following_ms": following_ms()}


def _saturated(fsync: str, seconds: float = 6.0, connections: int = 16) -> dict[str, float]:
    with Parts(fsync) as parts:
        store = JobStore(parts.redis)
        sha = str(parts.redis.script_load(script_text("jobs/renew")))
        inputs = parts.inputs()

        def running() -> list[Job]:
            ids = [store.create(StyleParams(), inputs).id for _ in range(_JOBS)]
            return [job for job in map(store.claim, ids) if job is not None]

        # Each connection has jobs of its own, so that each renewal changes the progress.
        texts = [
            [b"".join(_command(sha, job, number) for job in jobs) for number in (1, 2)]
            for jobs in (running() for _ in range(connections))
        ]
        done = [0]
        end = time.monotonic() + seconds
        with watching(parts.redis) as spent:
            threads = [
                threading.Thread(target=_push, args=(parts.port, text, end, done)) for text in texts
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    return {
        "renewals_per_second": round(done[0] / spent.seconds),
        "redis_busy": round(spent.busy, 3),
        "microseconds_each": round(spent.cost.microseconds / done[0], 1),
    }


def _command(sha: str, job: Job, step: int) -> bytes:
    progress = progress_at(step).model_dump_json()
    words = ["EVALSHA", sha, "1", job_key(job.id), job.id, str(job.attempt), "8"]
    parts = [word.encode() for word in [*words, "progress", progress]]
    encoded = [b"$%d\r\n%s\r\n" % (len(part), part) for part in parts]
    return b"*%d\r\n%s" % (len(parts), b"".join(encoded))


def _push(port: int, texts: list[bytes], end: float, done: list[int]) -> None:
    """Send the commands repeatedly. The reply to each is ``$8 continue``."""
    size = len(b"$8\r\ncontinue\r\n") * _JOBS
    with socket.create_connection(("127.0.0.1", port)) as connection:
        turn = 0
        while time.monotonic() < end:
            connection.sendall(texts[turn % 2])
            left, turn = size, turn + 1
            while left:
                left -= len(connection.recv(left))
            done[0] += _JOBS


def following_ms(seconds: float = 4.0, rate: int = 500) -> float:
    """Return the milliseconds of processor time that each event of another job costs the API.

    The API process follows one job while many events of another arrive.
    """
    with Parts() as parts:
        parts.start_api()
        redis, address = parts.redis, f"http://127.0.0.1:{parts.api_port}"
        with httpx.Client(base_url=address, timeout=60) as client:
            followed = post_job(client)
            other = JobStore(redis).claim(post_job(client))
            assert other is not None
            JobStore(redis).renew(other, progress=progress_at(1))
            entry: Any = redis.xrevrange("easel:events", count=1)
            with client.stream("GET", f"/jobs/{followed}/events") as answer:
                next(answer.iter_lines())
                time.sleep(0.5)
                before, sent = api_processor(), 0
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    with redis.pipeline(transaction=False) as pipeline:
                        for _ in range(rate // 100):
                            pipeline.xadd("easel:events", entry[0][1], maxlen=2000)
                        pipeline.execute()
                    sent += rate // 100
                    time.sleep(0.01)
                return round(1000 * (api_processor() - before) / sent, 3)
