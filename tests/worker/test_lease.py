"""A thread renews the lease of a job while the optimiser works."""

from __future__ import annotations

import threading

import pytest
from pydantic import BaseModel
from redis import Redis

from core.errors import StaleAttempt
from core.jobs.job import Job
from core.store.jobs import JobStore
from core.store.leases import Renewal
from tests.core.store.test_jobs import PROGRESS, claimed
from tests.worker.conftest import Clock
from worker.lease import Lease
from worker.output.checkpoints import Saved

PATIENCE_SECONDS = 60


def wait_for(event: threading.Event) -> None:
    assert event.wait(PATIENCE_SECONDS)


class ObservedStore(JobStore):
    """A store that counts the renewals of a lease."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self._renewals = threading.Semaphore(0)

    def renew(self, job: Job, **fields: BaseModel | str) -> Renewal:
        try:
            return super().renew(job, **fields)
        finally:
            self._renewals.release()

    def wait_for_renewals(self, count: int = 2) -> None:
        """Wait for renewals; by default for one that begins after this call."""
        for _ in range(count):
            assert self._renewals.acquire(timeout=PATIENCE_SECONDS)


def make_steps(lease: Lease, store: ObservedStore) -> None:
    """Make steps until the lease stops them or the test times out."""
    while lease.step_finished():
        store.wait_for_renewals(1)


@pytest.fixture
def observed(redis: Redis) -> ObservedStore:
    return ObservedStore(redis)


def test_the_lease_is_renewed_during_one_long_step(observed: ObservedStore, redis: Redis) -> None:
    job = claimed(observed)
    expiry_times = []
    with Lease(observed, job, stall_seconds=60):
        for _ in range(2):
            observed.wait_for_renewals()
            expiry_times.append(float(redis.zscore("easel:jobs:running", job.id) or 0))
    assert expiry_times[0] < expiry_times[1]


def test_a_renewal_writes_progress_and_checkpoint(observed: ObservedStore) -> None:
    job = claimed(observed)
    with Lease(observed, job, stall_seconds=60) as lease:
        lease.report(PROGRESS)
        lease.save(Saved("f" * 64, 9))
        while None in lease.checkpoints():
            observed.wait_for_renewals(1)
        assert lease.checkpoints() == {"f" * 64}
    record = observed.get(job.id)
    assert (record.progress, record.checkpoint) == (PROGRESS, "f" * 64)
    assert record.checkpoint_bytes == 9


class SlowStore(JobStore):
    """A store that has written the checkpoint and not yet replied."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.written, self.may_reply = threading.Event(), threading.Event()

    def renew(self, job: Job, **fields: BaseModel | str) -> Renewal:
        reply = super().renew(job, **fields)
        if "checkpoint" in fields:
            self.written.set()
            wait_for(self.may_reply)
        return reply


def test_a_checkpoint_whose_write_is_not_confirmed_is_kept(redis: Redis) -> None:
    store = SlowStore(redis)
    job = claimed(store)
    first, second = "1" * 64, "2" * 64
    with Lease(store, job, stall_seconds=60) as lease:
        lease.save(Saved(first, 1))
        wait_for(store.written)
        lease.save(Saved(second, 1))
        assert store.get(job.id).checkpoint == first
        assert lease.checkpoints() == {None, first, second}
        store.may_reply.set()


def test_a_cancellation_stops_the_steps_of_this_job_only(observed: ObservedStore) -> None:
    job, other_job = claimed(observed), claimed(observed)
    with (
        Lease(observed, job, stall_seconds=60) as lease,
        Lease(observed, other_job, stall_seconds=60) as other_lease,
    ):
        assert lease.step_finished()
        observed.cancel(job.id)
        make_steps(lease, observed)
        assert other_lease.step_finished()


def test_a_lost_lease_is_noticed_at_the_next_step(observed: ObservedStore, redis: Redis) -> None:
    job = claimed(observed)
    with Lease(observed, job, stall_seconds=60) as lease:
        redis.hset(f"easel:job:{job.id}", "attempt", "2")
        with pytest.raises(StaleAttempt):
            make_steps(lease, observed)


def test_the_process_of_an_optimiser_that_hangs_is_ended(store: JobStore) -> None:
    job = claimed(store)
    gave_up = threading.Event()
    with Lease(store, job, stall_seconds=0.3, give_up=gave_up.set):
        wait_for(gave_up)


def test_the_process_of_an_optimiser_that_makes_steps_is_not_ended(
    observed: ObservedStore, clock: Clock
) -> None:
    job = claimed(observed)
    gave_up = threading.Event()
    with Lease(observed, job, 10, clock, gave_up.set) as lease:
        for _ in range(5):
            clock.now += 9
            lease.step_finished()
            observed.wait_for_renewals()
        assert not gave_up.is_set()
