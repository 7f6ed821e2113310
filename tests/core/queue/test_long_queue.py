"""What the service does for one job costs Redis the same however many others wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from redis import Redis

from bench.service.jobs import fill
from core.jobs.admission import Admission
from core.jobs.job import JobStatus
from core.params import StyleParams
from core.queue.app import JobQueue, Messages, make_celery
from core.store.jobs import JobStore
from core.store.keys import JOBS_QUEUED, LEASES_CHECKED, unfinished_key
from core.store.statistics import StatisticsReader
from core.upkeep.reaper import Reaper
from tests.core.store.test_jobs import INPUTS

_SHORT, _LONG = 500, 1500
_MINE = Admission(caller="me", max_queue=10**6, max_jobs_per_caller=10)


@pytest.fixture
def queue(valkey_url: str) -> JobQueue:
    return JobQueue(make_celery(valkey_url))


def fill_up(redis: Redis, url: str, count: int) -> None:
    """Queue so many jobs, of long ago."""
    fill(redis, url, StyleParams(size=64), INPUTS, count)
    redis.zadd(JOBS_QUEUED, dict.fromkeys(queued(redis), 1.0))


def queued(redis: Redis, last: int = -1) -> list[str]:
    """The jobs of the queue, the first one first."""
    return cast(list[str], redis.zrange(JOBS_QUEUED, 0, last))


def work(redis: Redis, action: Callable[[], object]) -> tuple[int, int]:
    """The commands that an action has the server run, and the bytes that it answers."""
    redis.config_resetstat()
    action()
    stats = redis.info("commandstats")
    commands = sum(found["calls"] for name, found in stats.items() if name != "cmdstat_info")
    return commands, redis.info("stats")["total_net_output_bytes"]


def sweeper(redis: Redis, queue: JobQueue) -> Callable[[], None]:
    reaper = Reaper(redis, queue, lease_seconds=8, every_seconds=2, max_attempts=3)

    def sweep() -> None:
        redis.set(LEASES_CHECKED, redis.time()[0] - 2)
        reaper.sweep()

    return sweep


@pytest.mark.parametrize("what", ["create", "load", "claim", "list", "statistics", "sweep"])
def test_a_call_does_not_get_dearer_with_the_queue(
    redis: Redis, valkey_url: str, queue: JobQueue, what: str
) -> None:
    store = JobStore(redis)
    calls = {
        "create": lambda: store.create(StyleParams(size=64), INPUTS, _MINE),
        "load": lambda: store.load("me", 10),
        "claim": lambda: store.claim(queued(redis, 0)[0]),
        "list": lambda: store.listing.page("anonymous", limit=20),
        "statistics": lambda: StatisticsReader(redis).read(),
        "sweep": sweeper(redis, queue),
    }
    costs = []
    for count in (_SHORT, _LONG):
        redis.flushall()
        fill_up(redis, valkey_url, count)
        calls[what]()  # the script is there now
        costs.append(work(redis, calls[what]))
    (commands, size), (commands_then, size_then) = costs
    assert commands_then == commands
    assert size_then < 1.2 * size + 1000  # the answers of the measurement itself vary a little


def test_what_was_filled_in_is_a_queue_like_any_other(
    redis: Redis, valkey_url: str, queue: JobQueue
) -> None:
    store, messages = JobStore(redis), Messages(redis)
    fill_up(redis, valkey_url, 5)
    ids = set(queued(redis))
    assert (len(ids), messages.job_ids(), messages.count()) == (5, ids, 5)
    assert len(messages.job_ids(limit=2)) == 2
    sweeper(redis, queue)()
    assert messages.count() == 5
    assert store.load("fleet").unfinished == 5
    for job_id in ids:
        job = store.claim(job_id)
        assert job is not None
        assert store.confirm_cancel(job) is JobStatus.CANCELED
    assert store.load("fleet").unfinished == 0


def test_jobs_far_back_whose_messages_are_lost_are_announced_in_their_turn(
    redis: Redis, valkey_url: str, queue: JobQueue
) -> None:
    store, messages, sweep = JobStore(redis), Messages(redis), sweeper(redis, queue)
    fill_up(redis, valkey_url, 450)
    redis.delete("easel.jobs", *redis.keys("easel.jobs*"))
    waiting = queued(redis)
    while waiting:
        sweep()
        told = messages.job_ids()
        assert set(waiting[:200]) <= told
        for job_id in told:
            store.claim(job_id)
        redis.delete(*redis.keys("easel.jobs*"))
        waiting = queued(redis)


def test_a_job_that_ended_uncounted_does_not_hold_its_callers_place(
    redis: Redis,
) -> None:
    store = JobStore(redis)
    redis.sadd(unfinished_key("me"), *(f"gone-{number}" for number in range(9)))
    mine = store.create(StyleParams(size=64), INPUTS, _MINE)
    assert store.create(StyleParams(size=64), INPUTS, _MINE).id != mine.id
    assert store.load("me", 10).unfinished == 2
    assert redis.scard(unfinished_key("me")) == 2
