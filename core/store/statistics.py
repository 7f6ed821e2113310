"""What the service as a whole has done and has to do, as Redis counts it.

The scripts that move jobs count along (``core/store/lua``), so that whoever asks, in
whichever process, is told the same, and no restart forgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from core.runtime.redis import needs_redis
from core.store.keys import COUNTS, JOBS_QUEUED, JOBS_RUNNING, SWEEPS, WEBHOOKS_DUE

if TYPE_CHECKING:
    from redis import Redis

#: The bounds of the histograms, in seconds, as ``core/store/lua/listed.lua`` has them.
BOUNDS = ("0.1", "0.5", "1", "2", "5", "10", "20", "30", "60", "120", "300", "600", "1800", "3600")


@dataclass(frozen=True)
class Histogram:
    """How long something took."""

    #: For each upper bound, how many took at most so long; the last bound is ``+Inf``.
    buckets: tuple[tuple[str, float], ...]
    #: Of all, in seconds.
    total: float


@dataclass(frozen=True)
class Statistics:
    """All of it, at one moment."""

    queued: int
    running: int
    #: The age of the first job in the queue, in seconds; 0 when it is empty.
    oldest_seconds: float
    webhooks_waiting: int
    #: Blobs that the last sweep has left although no record explains them.
    unknown_blobs: int
    accepted: int
    requeued: int
    #: By status.
    finished: Mapping[str, int]
    #: By event and what became of the attempt.
    webhooks: Mapping[tuple[str, str], int]
    queue_seconds: Histogram
    run_seconds: Histogram


class Census:
    """Reads the statistics.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @needs_redis
    def take(self) -> Statistics:
        """The statistics of now."""
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.zcard(JOBS_QUEUED)
            pipeline.zcard(JOBS_RUNNING)
            pipeline.zrange(JOBS_QUEUED, 0, 0, withscores=True)
            pipeline.zcard(WEBHOOKS_DUE)
            pipeline.hget(SWEEPS, "unknown")
            pipeline.hgetall(COUNTS)
            time, queued, running, oldest, waiting, unknown, counts = pipeline.execute()
        now = time[0] + time[1] / 1e6
        counted = cast(dict[str, str], counts)
        return Statistics(
            queued=queued,
            running=running,
            oldest_seconds=max(0.0, now - oldest[0][1]) if oldest else 0.0,
            webhooks_waiting=waiting,
            unknown_blobs=int(unknown or 0),
            accepted=int(counted.get("accepted", 0)),
            requeued=int(counted.get("requeued", 0)),
            finished={
                status: int(counted.get(f"finished:{status}", 0))
                for status in ("succeeded", "failed", "canceled")
            },
            webhooks=_webhooks(counted),
            queue_seconds=_histogram(counted, "queued"),
            run_seconds=_histogram(counted, "run"),
        )


def _webhooks(counted: Mapping[str, str]) -> dict[tuple[str, str], int]:
    found = {}
    for name, value in counted.items():
        if name.startswith("webhook:"):
            _, event, outcome = name.split(":")
            found[event, outcome] = int(value)
    return found


def _histogram(counted: Mapping[str, str], name: str) -> Histogram:
    buckets, so_far = [], 0
    for bound in (*BOUNDS, "inf"):
        so_far += int(counted.get(f"{name}:le:{bound}", 0))
        buckets.append(("+Inf" if bound == "inf" else bound, float(so_far)))
    return Histogram(tuple(buckets), float(counted.get(f"{name}:sum", 0)))
