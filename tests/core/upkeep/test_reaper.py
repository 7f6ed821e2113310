"""Jobs with an expired lease or a lost message are requeued."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from redis import Redis

from core.errors import ServiceUnavailable, StaleAttempt
from core.jobs.status import JobStatus
from core.queue.app import JobQueue, Messages, make_celery
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.upkeep.reaper import Reaper
from tests.core.store.test_jobs import claimed, new_job

#: Long enough that nothing expires by itself on a busy machine.
LEASE_SECONDS, EVERY_SECONDS = 300, 60
CHECKED, RUNNING, QUEUED = "easel:jobs:swept", "easel:jobs:running", "easel:jobs:queued"


@pytest.fixture
def store(redis: Redis) -> JobStore:
    return JobStore(redis, LEASE_SECONDS)


@pytest.fixture
def messages(redis: Redis) -> Messages:
    return Messages(redis)


@pytest.fixture
def reaper(redis: Redis, valkey_url: str) -> Reaper:
    """A reaper whose last sweep was one period ago."""
    reaper = new_reaper(redis, valkey_url)
    redis.set(CHECKED, now(redis) - EVERY_SECONDS)
    return reaper


def new_reaper(redis: Redis, url: str) -> Reaper:
    return Reaper(
        redis,
        JobQueue(make_celery(url)),
        lease_seconds=LEASE_SECONDS,
        every_seconds=EVERY_SECONDS,
        max_attempts=3,
    )


def now(redis: Redis) -> float:
    seconds, microseconds = redis.time()
    return seconds + microseconds / 1e6


def let_time_pass(redis: Redis, seconds: float) -> None:
    """Move all stored times back, as if the server's clock had advanced."""
    for sorted_set in (RUNNING, QUEUED):
        for job_id in cast(list[str], redis.zrange(sorted_set, 0, -1)):
            redis.zincrby(sorted_set, -seconds, job_id)


def sweep_again(reaper: Reaper, redis: Redis) -> None:
    redis.set(CHECKED, now(redis) - EVERY_SECONDS)
    reaper.sweep()


def test_an_expired_lease_requeues_the_job_once(
    reaper: Reaper, store: JobStore, redis: Redis, messages: Messages
) -> None:
    lost, healthy = claimed(store), claimed(store)
    let_time_pass(redis, LEASE_SECONDS + 1)
    store.renew(healthy)
    reaper.sweep()
    assert store.get(lost.id).status is JobStatus.QUEUED
    assert store.get(healthy.id).status is JobStatus.RUNNING
    assert (messages.job_ids(), messages.count()) == ({lost.id}, 1)
    for _ in range(3):
        sweep_again(reaper, redis)
    assert messages.count() == 1
    with pytest.raises(StaleAttempt):
        store.renew(lost)
    again = store.claim(lost.id)
    assert again is not None
    assert (again.attempt, again.attempts) == (2, 2)


def test_a_valid_lease_is_not_touched(
    reaper: Reaper, store: JobStore, redis: Redis, messages: Messages
) -> None:
    job = claimed(store)
    let_time_pass(redis, LEASE_SECONDS / 2)
    reaper.sweep()
    assert store.get(job.id) == job
    assert messages.count() == 0


def test_a_job_that_loses_three_workers_fails(
    reaper: Reaper, store: JobStore, redis: Redis
) -> None:
    job = claimed(store)
    for attempt in (1, 2, 3):
        assert store.get(job.id).attempts == attempt
        let_time_pass(redis, LEASE_SECONDS + 1)
        sweep_again(reaper, redis)
        store.claim(job.id)
    ended = store.get(job.id)
    assert ended.status is JobStatus.FAILED
    assert ended.error is not None
    assert (ended.error.code, ended.error.retryable) == ("worker_lost", True)
    assert (redis.zcard(RUNNING), redis.zcard(QUEUED)) == (0, 0)


def test_attempts_handed_back_do_not_count(reaper: Reaper, store: JobStore, redis: Redis) -> None:
    job = new_job(store)
    for _ in range(10):
        attempt = store.claim(job.id)
        assert attempt is not None
        store.hand_back(attempt)
    store.claim(job.id)
    let_time_pass(redis, LEASE_SECONDS + 1)
    reaper.sweep()
    assert store.get(job.id).status is JobStatus.QUEUED
    assert store.get(job.id).attempts == 1


def test_an_expired_lease_ends_a_job_with_a_requested_cancellation(
    reaper: Reaper, store: JobStore, redis: Redis, messages: Messages
) -> None:
    job = claimed(store)
    store.cancel(job.id)
    let_time_pass(redis, LEASE_SECONDS + 1)
    reaper.sweep()
    assert store.get(job.id).status is JobStatus.CANCELED
    assert messages.count() == 0


def test_lost_messages_are_replaced_until_there_is_one_for_each_job(
    reaper: Reaper, store: JobStore, redis: Redis, messages: Messages
) -> None:
    new_job(store)
    reaper.sweep()
    assert messages.count() == 0  # it may be on its way
    let_time_pass(redis, 2 * EVERY_SECONDS)
    for _ in range(3):
        new_job(store)
    for _ in range(5):
        sweep_again(reaper, redis)
    assert messages.count() == 4


def test_concurrent_reapers_act_like_one(
    store: JobStore, redis: Redis, valkey_url: str, messages: Messages
) -> None:
    jobs = {claimed(store).id for _ in range(5)} | {new_job(store).id for _ in range(5)}
    let_time_pass(redis, LEASE_SECONDS + 1)
    redis.set(CHECKED, now(redis) - EVERY_SECONDS)
    reapers = [new_reaper(redis, valkey_url) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(Reaper.sweep, reapers))
    assert (messages.job_ids(), messages.count()) == (jobs, 10)


@pytest.mark.parametrize("jump", [3600, -3600, LEASE_SECONDS])
def test_an_outage_or_a_clock_jump_renews_every_lease(
    reaper: Reaper, store: JobStore, redis: Redis, jump: float
) -> None:
    # Moving the clock forward makes all stored times older.
    job = claimed(store)
    let_time_pass(redis, jump)
    redis.set(CHECKED, now(redis) - EVERY_SECONDS - jump)
    reaper.sweep()
    assert store.get(job.id).status is JobStatus.RUNNING
    lease = float(redis.zscore(RUNNING, job.id) or 0) - now(redis)
    assert LEASE_SECONDS / 2 < lease <= LEASE_SECONDS
    let_time_pass(redis, LEASE_SECONDS + 1)  # the renewed lease expires too
    sweep_again(reaper, redis)
    assert store.get(job.id).status is JobStatus.QUEUED


def test_an_outage_raises_service_unavailable() -> None:
    nowhere = "redis://127.0.0.1:1/0"
    with pytest.raises(ServiceUnavailable):
        new_reaper(connect(nowhere, patience=0), nowhere).sweep()
