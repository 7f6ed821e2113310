"""Statistics of the whole service, as counted in Redis.

The scripts that change jobs also count (``core/store/lua/lib/statistics.lua``). So every
process reports the same numbers, and a restart does not reset them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from core.jobs.status import JobStatus
from core.runtime.redis import needs_redis
from core.store.keys import (
    COUNTS,
    JOBS_QUEUED,
    JOBS_RUNNING,
    SWEEPS,
    WEBHOOKS_CALLERS,
    WEBHOOKS_PENDING_PREFIX,
)

if TYPE_CHECKING:
    from redis import Redis

#: The upper bounds of the histogram buckets, in seconds.
HISTOGRAM_BOUNDS = (
    *("0.1", "0.5", "1", "2", "5", "10", "20", "30"),
    *("60", "120", "300", "600", "1800", "3600"),
)

#: The fields of the hash ``COUNTS``. A status follows FINISHED_PREFIX; an event, a colon and an
#: outcome follow WEBHOOK_PREFIX; the name of a thread follows BACKGROUND_PREFIX; `:le:` and a
#: bound, or `:sum`, follow the name of a histogram.
ACCEPTED, REQUEUED = "accepted", "requeued"
FINISHED_PREFIX, WEBHOOK_PREFIX = "finished:", "webhook:"
BACKGROUND_PREFIX = "background:"
#: The bytes of the files of all jobs, which also decrease.
STORED_BYTES = "stored_bytes"
QUEUE_HISTOGRAM, RUN_HISTOGRAM = "queued", "run"


@dataclass(frozen=True)
class Histogram:
    """The distribution of durations."""

    #: The number of durations up to each bound; the last bound is ``+Inf``.
    buckets: tuple[tuple[str, float], ...]
    #: The sum of all durations, in seconds.
    total: float


@dataclass(frozen=True)
class Statistics:
    """The statistics at one moment."""

    queued: int
    running: int
    #: The age of the first job in the queue, in seconds; 0 if the queue is empty.
    oldest_seconds: float
    webhooks_waiting: int
    #: The number of unexplained blobs that the last cleaning kept.
    unknown_blobs: int
    #: The bytes of the files of all jobs.
    stored_bytes: int
    accepted: int
    requeued: int
    #: The number of finished jobs by status.
    finished: Mapping[str, int]
    #: The number of webhook attempts by event and outcome.
    webhooks: Mapping[tuple[str, str], int]
    #: The number of unexpected errors of background threads by the name of the thread.
    background_errors: Mapping[str, int]
    #: The seconds since a cleaning was last completed; None if none was.
    cleaning_age: float | None
    queue_seconds: Histogram
    run_seconds: Histogram


class BackgroundErrors:
    """Counts the unexpected errors of background threads.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @needs_redis
    def add(self, thread: str) -> None:
        """Count an error of the thread with this name."""
        self._redis.hincrby(COUNTS, BACKGROUND_PREFIX + thread, 1)


class StatisticsReader:
    """Reads the statistics.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @needs_redis
    def read(self) -> Statistics:
        """Return the current statistics."""
        callers = cast(list[str], self._redis.zrange(WEBHOOKS_CALLERS, 0, -1))
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.zcard(JOBS_QUEUED)
            pipeline.zcard(JOBS_RUNNING)
            pipeline.zrange(JOBS_QUEUED, 0, 0, withscores=True)
            pipeline.hmget(SWEEPS, "unknown", "completed")
            pipeline.hgetall(COUNTS)
            for caller in callers:
                pipeline.zcard(WEBHOOKS_PENDING_PREFIX + caller)
            time, queued, running, oldest, sweeps, counts, *waiting = pipeline.execute()
        now = time[0] + time[1] / 1e6
        unknown, completed = sweeps
        counters = cast(dict[str, str], counts)
        return Statistics(
            queued=queued,
            running=running,
            oldest_seconds=max(0.0, now - oldest[0][1]) if oldest else 0.0,
            webhooks_waiting=sum(waiting),
            unknown_blobs=int(unknown or 0),
            stored_bytes=int(counters.get(STORED_BYTES, 0)),
            accepted=int(counters.get(ACCEPTED, 0)),
            requeued=int(counters.get(REQUEUED, 0)),
            finished={
                status.value: int(counters.get(FINISHED_PREFIX + status, 0))
                for status in JobStatus
                if status.done
            },
            webhooks=_webhooks(counters),
            background_errors={
                name.removeprefix(BACKGROUND_PREFIX): int(value)
                for name, value in counters.items()
                if name.startswith(BACKGROUND_PREFIX)
            },
            cleaning_age=None if completed is None else max(0.0, now - float(completed)),
            queue_seconds=_histogram(counters, QUEUE_HISTOGRAM),
            run_seconds=_histogram(counters, RUN_HISTOGRAM),
        )


def _webhooks(counters: Mapping[str, str]) -> dict[tuple[str, str], int]:
    attempts = {}
    for name, value in counters.items():
        if name.startswith(WEBHOOK_PREFIX):
            event, outcome = name.removeprefix(WEBHOOK_PREFIX).split(":")
            attempts[event, outcome] = int(value)
    return attempts


def _histogram(counters: Mapping[str, str], name: str) -> Histogram:
    buckets, cumulative = [], 0
    for bound in (*HISTOGRAM_BOUNDS, "inf"):
        cumulative += int(counters.get(f"{name}:le:{bound}", 0))
        buckets.append(("+Inf" if bound == "inf" else bound, float(cumulative)))
    return Histogram(tuple(buckets), float(counters.get(f"{name}:sum", 0)))
