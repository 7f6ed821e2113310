"""The cost of one job does not depend on the number of queued jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from redis import Redis

from bench.service.jobs import fill
from core.jobs.admission import Admission
from core.jobs.status import JobStatus
from core.params import StyleParams
from core.queue.app import JobQueue, Messages, make_celery
from core.store.jobs import JobStore
from core.store.keys import JOBS_QUEUED, LEASES_CHECKED, UNFINISHED_PREFIX
from core.store.statistics import StatisticsReader
from core.upkeep.reaper import Reaper
from tests.core.store.test_jobs import INPUTS

_SHORT, _LONG = 500, 1500
_MINE = Admission(caller="me", max_queue=10**6, max_jobs_per_caller=10)


@pytest.fixture
def queue(valkey_url: str) -> JobQueue:
    return JobQueue(make_celery(valkey_url))


def fill_up(redis: Redis, url: str, count: int) -> None:
    """Queue jobs that were created long ago."""
    fill(redis, url, StyleParams(size=64), INPUTS, count)
    redis.zadd(JOBS_QUEUED, dict.fromkeys(queued(redis), 1.0))


def queued(redis: Redis, last: int = -1) -> list[str]:
    """Return the queued jobs in order."""
    return cast(list[str], redis.zrange(JOBS_QUEUED, 0, last))


def work(redis: Redis, action: Callable[[], object]) -> tuple[int, int]:
    """Return the number of commands that an action runs on the server, and the reply bytes."""
    redis.config_resetstat()
    action()
    stats = redis.info("commandstats")
    commands = sum(counts["calls"] for name, counts in stats.items() if name != "cmdstat_info")
    return commands, redis.info("stats")["total_net_output_bytes"]


def sweeper(redis: Redis, queue: JobQueue) -> Callable[[], None]:
    reaper = Reaper(redis, queue, lease_seconds=8, every_seconds=2, max_attempts=3)

    def sweep() -> None:
        redis.set(LEASES_CHECKED, redis.time()[0] - 2)
        reaper.sweep()

    return sweep


@pytest.mark.parametrize("what", ["create", "load", "claim", "list", "statistics", "sweep"])
def test_the_cost_of_a_call_does_not_depend_on_the_length_of_the_queue(
    redis: Redis, valkey_url: str, queue: JobQueue, what: str
) -> None:
    store = JobStore(redis)
    calls = {
        "create": lambda: store.create(StyleParams(size=64), INPUTS, _MINE),
        "load": lambda: store.load("me", 10),
        "claim": store.claim,
        "list": lambda: store.listing.page("anonymous", limit=20),
        "statistics": lambda: StatisticsReader(redis).read(),
        "sweep": sweeper(redis, queue),
    }
    costs = []
    for count in (_SHORT, _LONG):
        redis.flushall()
        fill_up(redis, valkey_url, count)
        calls[what]()  # loads the script
        costs.append(work(redis, calls[what]))
    (commands, size), (more_commands, more_size) = costs
    assert more_commands == commands
    assert more_size < 1.2 * size + 1000  # the replies to the measurement vary a little


def test_the_filled_queue_behaves_like_a_real_one(
    redis: Redis, valkey_url: str, queue: JobQueue
) -> None:
    store, messages = JobStore(redis), Messages(redis)
    fill_up(redis, valkey_url, 5)
    ids = set(queued(redis))
    assert (len(ids), messages.job_ids(), messages.count()) == (5, ids, 5)
    sweeper(redis, queue)()
    assert messages.count() == 5
    assert store.load("fleet").unfinished == 5
    for job_id in ids:
        job = store.claim(job_id)
        assert job is not None
        assert store.confirm_cancel(job) is JobStatus.CANCELED
    assert store.load("fleet").unfinished == 0


def test_lost_messages_far_back_in_the_queue_are_replaced_when_others_have_started(
    redis: Redis, valkey_url: str, queue: JobQueue
) -> None:
    store, messages, sweep = JobStore(redis), Messages(redis), sweeper(redis, queue)
    fill_up(redis, valkey_url, 450)
    redis.delete("easel.jobs")
    for waiting in (450, 250, 50):
        assert len(queued(redis)) == waiting
        sweep()
        assert messages.count() == min(waiting, 200)
        for _ in range(min(waiting, 200)):
            assert store.claim() is not None
        redis.delete("easel.jobs")
    assert not queued(redis)


def test_stale_index_entries_do_not_count_for_the_caller(
    redis: Redis,
) -> None:
    store = JobStore(redis)
    redis.sadd(UNFINISHED_PREFIX + "me", *(f"gone-{number}" for number in range(9)))
    mine = store.create(StyleParams(size=64), INPUTS, _MINE)
    assert store.create(StyleParams(size=64), INPUTS, _MINE).id != mine.id
    assert store.load("me", 10).unfinished == 2
    assert redis.scard(UNFINISHED_PREFIX + "me") == 2
