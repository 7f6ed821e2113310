"""Why a queued job waits, in a word for programs and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from core.jobs.workers import WorkerInfo
from core.params import Precision

#: How long workers that have all gone are expected to come back, in seconds.
RESTART_SECONDS = 60


class WaitingReason(StrEnum):
    """Why a job is not started."""

    BEHIND_OTHERS = "behind_others"  #: Workers are busy, or other jobs go first.
    NO_WORKER = "no_worker"  #: No worker runs.
    NO_WORKER_LARGE_ENOUGH = "no_worker_large_enough"  #: No live worker has enough memory.
    WORKERS_RESTARTING = "workers_restarting"  #: The workers have gone less than a minute ago.
    PAUSED = "paused"  #: The operator has paused the queue.
    RESTING = "resting"  #: It is a draft that has been painted. It starts when it is changed.


class Waiting(BaseModel):
    """Why a queued job waits."""

    model_config = ConfigDict(frozen=True)

    reason: WaitingReason
    since: datetime = Field(description="Since when it waits for this reason.")
    detail: str = Field(description="The reason in a sentence.")


@dataclass(frozen=True)
class Fleet:
    """The workers and the queue at one moment. Times are in seconds since 1970."""

    at: float
    workers: tuple[WorkerInfo, ...] = ()
    #: When a worker was last seen; None if never.
    last_seen: float | None = None
    #: Since when the queue is paused; None if it is not.
    paused_since: float | None = None


def why_waiting(
    fleet: Fleet, position: int, queued_at: float, memory: Mapping[str, int]
) -> Waiting:
    """Return why a queued job waits. The first reason that applies counts.

    Args:
        fleet: the workers and the queue.
        position: the number of jobs that go before it.
        queued_at: when the job was queued, in seconds since 1970.
        memory: the bytes that it needs, by precision; see ``core.jobs.footprint.memory_needed``.
    """
    if fleet.paused_since is not None:
        since, detail = fleet.paused_since, "the operator of this server has paused the queue"
        return _waiting(WaitingReason.PAUSED, max(since, queued_at), detail)
    if not fleet.workers:
        last = fleet.last_seen
        if last is not None and fleet.at - last < RESTART_SECONDS:
            detail = f"the workers have gone {fleet.at - last:.0f} s ago and are expected back"
            return _waiting(WaitingReason.WORKERS_RESTARTING, max(last, queued_at), detail)
        return _waiting(
            WaitingReason.NO_WORKER, max(last or 0.0, queued_at), "no worker runs; one must start"
        )
    if not any(_fits(worker, memory) for worker in fleet.workers):
        largest = max(worker.memory_total_bytes or 0 for worker in fleet.workers)
        detail = (
            f"it needs about {min(memory.values()) / 2**30:.1f} GiB of memory, and the largest "
            f"worker has {largest / 2**30:.1f} GiB; cancel it and use a smaller size, or wait for "
            "a larger worker"
        )
        return _waiting(WaitingReason.NO_WORKER_LARGE_ENOUGH, queued_at, detail)
    jobs = f"{position} job{'s' * (position > 1)}"
    detail = f"{jobs} will start before it" if position else "it is next, once a worker is free"
    return _waiting(WaitingReason.BEHIND_OTHERS, queued_at, detail)


def resting(queued_at: float) -> Waiting:
    """Return why a draft waits that has been painted.

    Args:
        queued_at: since when, in seconds since 1970.
    """
    return _waiting(WaitingReason.RESTING, queued_at, "the draft is painted; change it, or end it")


def _waiting(reason: WaitingReason, since: float, detail: str) -> Waiting:
    return Waiting(reason=reason, since=datetime.fromtimestamp(since, UTC), detail=detail)


def _fits(worker: WorkerInfo, memory: Mapping[str, int]) -> bool:
    """Return whether a worker has enough memory, as far as is known."""
    needed = memory.get(worker.precision or Precision.AUTO, memory.get(Precision.AUTO, 0))
    return worker.memory_total_bytes is None or needed <= worker.memory_total_bytes
