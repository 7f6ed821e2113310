"""Completed jobs by the number of workers, the length of the jobs and that of the queue."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import psutil

from bench.fleet.costs import latencies
from bench.fleet.counters import watching
from bench.fleet.service import Parts
from bench.fleet.workers import STEP_SECONDS
from bench.service.jobs import fill
from core.jobs.job import Job
from core.params import StyleParams
from core.store.jobs import JobStore

_ROUNDS = 3

#: Seconds after which no larger number of workers is tried.
_START_WITHIN = 60


def jobs_of(parts: Parts, count: int, seconds: float) -> list[str]:
    """Queue jobs that each take this many seconds, and return their ids."""
    params = StyleParams(size=512, steps=round(seconds / STEP_SECONDS))
    return fill(parts.redis, parts.url, params, parts.inputs(), count)


def ended(parts: Parts, count: int, within: float = 60) -> None:
    """Wait until this many jobs have succeeded."""
    deadline = time.monotonic() + within
    while int(parts.redis.hget("easel:counts", "finished:succeeded") or 0) < count:
        assert time.monotonic() < deadline, f"{count} jobs did not succeed within {within:.0f} s"
        time.sleep(0.1)


def gaps(jobs: list[Job]) -> list[float]:
    """Return the seconds between the end of a job and the worker's next start, sorted."""
    by_worker: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for job in jobs:
        if job.metrics and job.started_at and job.finished_at:
            by_worker[job.metrics.device].append((job.started_at, job.finished_at))
    return sorted(
        (after[0] - before[1]).total_seconds()
        for runs in map(sorted, by_worker.values())
        for before, after in pairwise(runs)
    )


def processor_seconds() -> float:
    """Return the processor time of this process and its descendants."""
    me = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (me, *me.children(recursive=True)))


def run_jobs(parts: Parts, workers: int, seconds: float) -> dict[str, float]:
    """Run three jobs for each worker, and return the throughput and its cost."""
    parts.redis.delete("easel:counts")
    with watching(parts.redis) as spent:
        ids = jobs_of(parts, workers * _ROUNDS, seconds)
        machine, ours = sum(psutil.cpu_times()[:3]), processor_seconds()
        ended(parts, len(ids))
        machine, ours = sum(psutil.cpu_times()[:3]) - machine, processor_seconds() - ours
    store = JobStore(parts.redis)
    jobs = [store.get(job_id) for job_id in ids]
    first = min(job.started_at for job in jobs if job.started_at)
    last = max(job.finished_at for job in jobs if job.finished_at)
    took = (last - first).total_seconds()
    return {
        "workers": workers,
        "job_seconds": seconds,
        "jobs": len(jobs),
        "jobs_per_second": round(len(jobs) / took, 3),
        "gap_seconds": round(statistics.median(gaps(jobs)), 3),
        "redis_busy": round(spent.busy, 4),
        "cores_busy": round(ours / took, 2),
        "cores_busy_elsewhere": round((machine - ours) / took, 2),
        "redis_us_per_job": round(spent.cost.microseconds / len(jobs)),
    }


def by_workers() -> dict[str, Any]:
    """Measure a growing number of workers with the same work each, then single jobs."""
    rows: list[dict[str, float]] = []
    began = time.monotonic()
    with Parts() as parts:
        for workers in (1, 8, 32, 64):
            if rows and time.monotonic() - began > _START_WITHIN:
                break  # on a slow machine 64 workers take minutes to start
            parts.have_workers(workers)
            rows.append(run_jobs(parts, workers, 3.0))
            print(rows[-1], flush=True)
        with watching(parts.redis) as spent:
            time.sleep(3)
        idle = spent.each(rows[-1]["workers"] * spent.seconds).rounded()
        waits = []
        for _ in range(10):
            parts.redis.delete("easel:counts")
            (job_id,) = jobs_of(parts, 1, STEP_SECONDS)
            ended(parts, 1)
            job = JobStore(parts.redis).get(job_id)
            assert job.started_at is not None
            waits.append((job.started_at - job.created_at).total_seconds())
    return {
        "rows": rows,
        "idle_worker_second": idle,
        "wait_when_idle": {"median": statistics.median(waits), "most": max(waits)},
    }


def by_length() -> dict[str, Any]:
    """Measure 32 workers with ever shorter jobs, until this machine's cores are the limit."""
    with Parts() as parts:
        parts.have_workers(32)
        rows = [run_jobs(parts, 32, seconds) for seconds in (4.0, 2.0, 1.0, 0.5, 0.25)]
    return {"rows": rows}


def by_depth() -> dict[str, Any]:
    """Measure eight workers with ever longer queues."""
    rows = []
    for count in (10, 1000, 10_000, 100_000):
        with Parts() as parts:
            parts.start_api()
            parts.have_workers(8)
            ids = jobs_of(parts, count, 1.0)
            before = datetime.now(UTC)
            counted = int(parts.redis.hget("easel:counts", "finished:succeeded") or 0)
            ended(parts, min(count, counted + 40))
            store = JobStore(parts.redis)
            jobs = map(store.get, ids[:500])
            between = gaps([job for job in jobs if job.finished_at and job.finished_at > before])
            rows.append(
                {
                    "queued": count,
                    "gap_median": round(statistics.median(between), 3),
                    "gap_most": round(between[-1], 3),
                    **latencies(parts, ids[-1]),
                    "memory_mb": round(parts.redis.info("memory")["used_memory"] / 1e6, 1),
                }
            )
            print(rows[-1], flush=True)
    return {"rows": rows}
