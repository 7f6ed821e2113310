"""The reason why a queued job waits."""

from __future__ import annotations

import pytest

from core.jobs.waiting.reasons import RESTART_SECONDS, Fleet, WaitingReason, why_waiting
from core.jobs.workers import WorkerInfo
from core.params import Precision

NOW = 1_800_000_000.0
QUEUED_AT = NOW - 30
NEEDED = {"auto": 4 * 2**30, "bfloat16": 2 * 2**30}


def worker(gib: float | None, precision: Precision | None = None) -> WorkerInfo:
    memory = None if gib is None else int(gib * 2**30)
    return WorkerInfo(
        id="w", device="cpu", networks=(), memory_total_bytes=memory, precision=precision
    )


def reason(fleet: Fleet, position: int = 1) -> WaitingReason:
    return why_waiting(fleet, position, QUEUED_AT, NEEDED).reason


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        ([worker(8)], "behind_others"),
        ([worker(1), worker(8)], "behind_others"),
        ([worker(None)], "behind_others"),
        ([worker(3, Precision.BFLOAT16)], "behind_others"),
        ([worker(3)], "no_worker_large_enough"),
        ([worker(1, Precision.BFLOAT16)], "no_worker_large_enough"),
    ],
)
def test_the_memory_of_the_workers_decides_whether_one_is_large_enough(
    workers: list[WorkerInfo], expected: str
) -> None:
    assert reason(Fleet(NOW, tuple(workers))) == expected


def test_a_pause_is_the_reason_whoever_works() -> None:
    paused = Fleet(NOW, (worker(8),), paused_since=NOW - 5)
    waiting = why_waiting(paused, 1, QUEUED_AT, NEEDED)
    assert (waiting.reason, waiting.since.timestamp()) == ("paused", NOW - 5)


@pytest.mark.parametrize(
    ("gone_for", "expected"),
    [(RESTART_SECONDS - 1, "workers_restarting"), (RESTART_SECONDS + 1, "no_worker")],
)
def test_workers_that_have_just_gone_are_expected_back(gone_for: float, expected: str) -> None:
    assert reason(Fleet(NOW, last_seen=NOW - gone_for)) == expected
    assert reason(Fleet(NOW)) == "no_worker"


def test_a_job_waits_at_most_since_it_was_queued() -> None:
    since = why_waiting(Fleet(NOW, last_seen=NOW - 50), 0, QUEUED_AT, NEEDED).since
    assert since.timestamp() == QUEUED_AT


def test_the_detail_counts_the_jobs_before_it() -> None:
    fleet = Fleet(NOW, (worker(8),))
    assert [why_waiting(fleet, n, QUEUED_AT, NEEDED).detail for n in (0, 1, 2)] == [
        "it is next, once a worker is free",
        "1 job will start before it",
        "2 jobs will start before it",
    ]
