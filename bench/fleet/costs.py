"""The cost of single calls and of a step's progress for Redis and the API."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil
from redis import Redis

from bench.fleet.counters import Cost, stored, watching
from bench.fleet.service import SAMPLE, Parts
from bench.service.client import form
from bench.service.jobs import copies, finished_job
from core.blobs.blobs import open_blobs
from core.jobs.job import Job, Loss, Metrics, Picture, Progress
from core.params import StyleParams
from core.store.jobs import JobStore
from core.store.keys import events_key
from core.store.previews import Previews
from core.upkeep.cleaner import Cleaner

_TIMES = 100
_PREVIEW_BYTES = 60_000
_RESULT = Picture(sha256="b" * 64, media_type="image/png", size_bytes=500_000)
_METRICS = Metrics(optimize_seconds=9.5, device="cuda:0", steps=300, peak_memory_bytes=10**9)


def progress_at(step: int) -> Progress:
    loss = Loss(total=3.1415926 + step, content=1.2345678, style=0.0019067, tv=0.0101)
    return Progress(
        step=step,
        steps=300,
        fraction=0.5,
        scale=1,
        scales=3,
        width=512,
        height=384,
        loss=loss,
        eta_seconds=4.2,
    )


def _http(parts: Parts) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{parts.api_port}", timeout=60)


def post_job(client: httpx.Client) -> str:
    data = SAMPLE.read_bytes()
    kind, body = form({"size": 512}, data, data)
    answer = client.post("/jobs", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def latencies(parts: Parts, job_id: str) -> dict[str, float]:
    """Return the median milliseconds of some requests to a service with queued jobs."""
    with _http(parts) as client:
        calls: dict[str, Callable[[], object]] = {
            "post_ms": lambda: post_job(client),
            "get_ms": lambda: client.get(f"/jobs/{job_id}"),
            "list_ms": lambda: client.get("/jobs?limit=20"),
            "metrics_ms": lambda: client.get("/metrics"),
        }
        return {name: round(_median(call), 1) for name, call in calls.items()}


def _median(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(15):
        began = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def _each(redis: Redis, call: Callable[[], object], idle: Cost | None, times: int) -> Cost:
    call()  # loads the scripts and opens the connections
    with watching(redis) as spent:
        for _ in range(times):
            call()
    return spent.each(times, idle)


def costs() -> dict[str, Any]:
    """Measure the calls of the API and of a worker, and the memory of a job."""
    with Parts() as parts:
        of_worker, memory = _of_worker(parts)
        parts.redis.flushall()
        parts.start_api()
        of_api, milliseconds = _of_api(parts)
        parts.redis.flushall()
        kept = sweep_seconds(parts)
    calls = {**of_api, **of_worker}
    return {
        "calls": {name: cost.rounded() for name, cost in calls.items()},
        "api_processor_ms": milliseconds,
        "memory": memory,
        "sweep_us_per_record": round(kept * 1e6, 1),
    }


def sweep_seconds(parts: Parts, records: int = 20_000) -> float:
    """Return the seconds that the cleaner takes for each record that it keeps."""
    copies(parts.redis, finished_job(JobStore(parts.redis)), records)
    cleaner = Cleaner(parts.redis, open_blobs((parts.folder / "blobs").as_uri()))
    began = time.monotonic()
    cleaner.sweep()
    return (time.monotonic() - began) / records


def _of_worker(parts: Parts) -> tuple[dict[str, Cost], dict[str, float]]:
    redis, store, inputs = parts.redis, JobStore(parts.redis), parts.inputs()
    previews = Previews(redis)
    empty = stored(redis)
    created = [store.create(StyleParams(size=512), inputs).id for _ in range(5 * _TIMES)]
    queued = stored(redis)
    to_claim, claimed = iter(created), []

    def claim() -> None:
        job = store.claim(next(to_claim))
        assert job is not None
        claimed.append(job)

    costs = {"claim": _each(redis, claim, None, len(created) - 1)}
    running, turn = claimed[0], iter(range(1, 10**6))
    costs["renewal"] = _each(redis, lambda: store.renew(running), None, 300)
    costs["renewal with progress"] = _each(
        redis, lambda: store.renew(running, progress=progress_at(next(turn))), None, 300
    )
    jpeg = b"\xff" * _PREVIEW_BYTES
    version = iter(range(1, 10**6))
    costs["preview"] = _each(
        redis, lambda: previews.put(running, next(version), jpeg), None, _TIMES
    )
    ends = iter(claimed)

    def finish() -> None:
        job: Job = next(ends)
        last = {"result": _RESULT, "progress": progress_at(300), "metrics": _METRICS}
        store.renew(job, **last, preview=_RESULT)
        store.succeed(job, _RESULT, progress_at(300), _METRICS, _RESULT)

    costs["end"] = _each(redis, finish, None, len(created) - 1)
    ended = stored(redis)
    redis.delete(*(events_key(job_id) for job_id in created))
    expired = stored(redis)
    memory: dict[str, float] = {
        "queued_bytes": round((queued - empty) / len(created)),
        "finished_bytes": round((ended - empty) / len(created)),
        "expired_bytes": round((expired - empty) / len(created)),
    }
    return costs, memory


def api_processor() -> float:
    """Return the processor time of the API and its decoders in seconds."""
    seconds = 0.0
    for child in psutil.Process().children():
        if child.cmdline()[-1:] == ["api"]:
            for process in (child, *child.children(recursive=True)):
                seconds += sum(process.cpu_times()[:2])
    return seconds


def _of_api(parts: Parts) -> tuple[dict[str, Cost], dict[str, float]]:
    redis = parts.redis
    with _http(parts) as client:
        job_id = post_job(client)
        with watching(redis) as spent:
            time.sleep(3)
        idle = spent.each(spent.seconds)
        calls = {
            "POST /jobs": lambda: post_job(client),
            "GET /jobs/{id}, queued": lambda: client.get(f"/jobs/{job_id}"),
            "GET /jobs, 20 of them": lambda: client.get("/jobs?limit=20"),
            "GET /metrics": lambda: client.get("/metrics"),
        }
        costs, milliseconds = {}, {}
        for name, call in calls.items():
            before = api_processor()
            costs[name] = _each(redis, call, idle, _TIMES)
            milliseconds[name] = round(1000 * (api_processor() - before) / (_TIMES + 1), 2)
        costs["an idle API process, a second"] = idle
        costs["an event, to each API process that follows any job"] = _events(
            parts, client, job_id, milliseconds
        )
    return costs, milliseconds


def _events(
    parts: Parts, client: httpx.Client, job_id: str, milliseconds: dict[str, float]
) -> Cost:
    """Measure the additional cost of a renewal with progress while a client follows a job.

    Args:
        parts: a service with an API.
        client: a client of the API.
        job_id: a queued job.
        milliseconds: receives the processor time of the API for an event of another job than the
            followed one, and for an event of the followed job.
    """
    store, turn = JobStore(parts.redis), iter(range(1, 10**6))
    job = store.claim(job_id)
    assert job is not None

    def renew() -> None:
        store.renew(job, progress=progress_at(next(turn)))
        time.sleep(0.005)  # so that events arrive one by one

    def measure() -> tuple[Cost, float]:
        before = api_processor()
        cost = _each(parts.redis, renew, None, 3 * _TIMES)
        return cost, 1000 * (api_processor() - before) / (3 * _TIMES)

    alone, rest = measure()
    for name, followed in (("event of another job", post_job(client)), ("event", job_id)):
        with client.stream("GET", f"/jobs/{followed}/events") as answer:
            reading = threading.Thread(target=_read_all, args=(answer,), daemon=True)
            reading.start()
            time.sleep(0.5)
            cost, took = measure()
            milliseconds[name] = round(took - rest, 3)
            store.cancel(followed)
            if followed == job_id:
                store.confirm_cancel(job)
            reading.join(10)
    return cost - alone


def _read_all(answer: httpx.Response) -> None:
    for _ in answer.iter_lines():
        pass
