"""A thread keeps the job while the optimiser works."""

from __future__ import annotations

import threading

import pytest
from redis import Redis

from core.errors import StaleAttempt
from core.store.jobs import JobStore
from tests.core.store.test_jobs import PROGRESS, claimed
from worker.lease import Lease

PATIENCE_SECONDS = 60


def until(condition: threading.Event) -> None:
    assert condition.wait(PATIENCE_SECONDS)


class Renewals(JobStore):
    """A store that says when a lease was renewed."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.turn = threading.Semaphore(0)

    def renew(self, *args: object, **fields: object) -> bool:
        try:
            return super().renew(*args, **fields)  # type: ignore[arg-type]
        finally:
            self.turn.release()

    def wait(self, turns: int = 2) -> None:
        """Wait for as many; the second one began after this was called."""
        for _ in range(turns):
            assert self.turn.acquire(timeout=PATIENCE_SECONDS)


def make_steps(lease: Lease, renewals: Renewals) -> None:
    """Until the lease says otherwise, or the test times out."""
    while lease.step_made():
        renewals.wait(1)


@pytest.fixture
def renewals(redis: Redis) -> Renewals:
    return Renewals(redis)


def test_the_lease_is_renewed_during_one_long_step(renewals: Renewals, redis: Redis) -> None:
    job = claimed(renewals)
    ends = []
    with Lease(renewals, job, stall_seconds=60):
        for _ in range(2):
            renewals.wait()
            ends.append(float(redis.zscore("easel:jobs:running", job.id) or 0))
    assert ends[0] < ends[1]


def test_progress_and_checkpoint_are_written_beside_the_work(renewals: Renewals) -> None:
    job = claimed(renewals)
    with Lease(renewals, job, stall_seconds=60) as lease:
        lease.report(PROGRESS)
        lease.save("f" * 64)
        while None in lease.checkpoints():
            renewals.wait(1)
        assert lease.checkpoints() == {"f" * 64}
    kept = renewals.get(job.id)
    assert (kept.progress, kept.checkpoint) == (PROGRESS, "f" * 64)


class Answerless(JobStore):
    """A store that has written the checkpoint, and whose answer is on its way."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.written, self.answered = threading.Event(), threading.Event()

    def renew(self, *args: object, **fields: object) -> bool:
        answer = super().renew(*args, **fields)  # type: ignore[arg-type]
        if "checkpoint" in fields:
            self.written.set()
            until(self.answered)
        return answer


def test_a_checkpoint_that_the_record_may_name_already_is_not_taken_for_an_old_one(
    redis: Redis,
) -> None:
    store = Answerless(redis)
    job = claimed(store)
    first, second = "1" * 64, "2" * 64
    with Lease(store, job, stall_seconds=60) as lease:
        lease.save(first)
        until(store.written)
        lease.save(second)
        assert store.get(job.id).checkpoint == first
        assert lease.checkpoints() == {None, first, second}
        store.answered.set()


def test_a_cancellation_is_heard_at_the_step_it_came_in(renewals: Renewals) -> None:
    job, other = claimed(renewals), claimed(renewals)
    with (
        Lease(renewals, job, stall_seconds=60) as lease,
        Lease(renewals, other, stall_seconds=60) as others,
    ):
        assert lease.step_made()
        renewals.cancel(job.id)
        make_steps(lease, renewals)
        assert others.step_made()


def test_a_lost_job_is_noticed_at_the_next_step(renewals: Renewals, redis: Redis) -> None:
    job = claimed(renewals)
    with Lease(renewals, job, stall_seconds=60) as lease:
        redis.hset(f"easel:job:{job.id}", "attempt", "2")
        with pytest.raises(StaleAttempt):
            make_steps(lease, renewals)


def test_an_optimiser_that_hangs_is_given_up(store: JobStore) -> None:
    job = claimed(store)
    gave_up = threading.Event()
    with Lease(store, job, stall_seconds=0.3, give_up=gave_up.set):
        until(gave_up)


def test_an_optimiser_that_makes_steps_is_not_given_up(renewals: Renewals) -> None:
    job = claimed(renewals)
    gave_up = threading.Event()
    now = 0.0

    def clock() -> float:
        return now

    with Lease(renewals, job, 10, clock, gave_up.set) as lease:
        for _ in range(5):
            now += 9
            lease.step_made()
            renewals.wait()
        assert not gave_up.is_set()
