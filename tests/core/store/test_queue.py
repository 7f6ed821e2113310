"""The order in which queued jobs start: turns of callers, priorities, and memory."""

from __future__ import annotations

import json
import random
from collections import deque
from itertools import pairwise
from typing import cast

import pytest
from redis import Redis

from core.jobs.admission import Admission
from core.jobs.job import Job
from core.jobs.waiting.turns import CALLERS_TRIED, JOBS_TRIED
from core.jobs.workers import Capacity
from core.params import Precision, StyleParams
from core.store.jobs import JobStore
from core.store.keys import JOBS_QUEUED
from tests.core.store.test_jobs import INPUTS

SMALL = Capacity(100, Precision.BFLOAT16)
LARGE = Capacity(1000, Precision.BFLOAT16)


def post(
    store: JobStore, caller: str, count: int = 1, *, priority: str = "normal", memory: str = "{}"
) -> list[Job]:
    """Create jobs of a caller."""
    admission = Admission(caller, max_queue=10**6, max_jobs_per_caller=10**6)
    fields = {"priority": priority, "memory": memory}
    return [
        store.create(StyleParams(size=64), INPUTS, admission, job_id=None, key=None, **fields)
        for _ in range(count)
    ]


def post_large(store: JobStore, caller: str, count: int = 1) -> list[Job]:
    """Create jobs that only a large worker can run."""
    return post(store, caller, count, memory=json.dumps({"auto": 600, "bfloat16": 500}))


def take(store: JobStore, count: int = 1, capacity: Capacity = LARGE) -> list[str]:
    """Claim jobs as workers do, and return their callers; "" if there was none."""
    jobs = [store.claim(capacity=capacity) for _ in range(count)]
    return ["" if job is None else job.caller for job in jobs]


def order(store: JobStore) -> list[str]:
    """Return the ids of the queued jobs in the order of their positions."""
    placed = {
        position: record["id"]
        for record, position in store.listing.page("anonymous").jobs
        if position is not None
    }
    assert sorted(placed) == list(range(len(placed)))
    return [placed[position] for position in sorted(placed)]


def test_a_caller_with_one_job_does_not_wait_for_the_thousand_of_another(store: JobStore) -> None:
    post(store, "many", 1000)
    assert take(store, 5) == ["many"] * 5
    post(store, "one")
    assert take(store, 3).index("one") <= 2


def test_callers_take_turns_and_their_jobs_keep_their_order(store: JobStore) -> None:
    a, b, c = (post(store, caller, count) for caller, count in (("a", 4), ("b", 2), ("c", 1)))
    expected = [a[0], b[0], c[0], a[1], b[1], a[2], a[3]]
    assert order(store) == [job.id for job in expected]
    claimed = [store.claim() for _ in expected]
    assert [job and job.id for job in claimed] == [job.id for job in expected]
    assert store.claim() is None


def test_a_caller_that_posts_one_job_after_the_other_has_no_advantage(store: JobStore) -> None:
    post(store, "z-batch", 10)
    callers: list[str] = []
    for _ in range(10):
        if callers[-1:] != ["z-batch"]:
            post(store, "a-single")
        callers += take(store)
    assert callers.count("z-batch") == 5


def test_a_caller_gains_nothing_by_cancelling(store: JobStore) -> None:
    mine = post(store, "a", 5)
    post(store, "b", 5)
    assert take(store, 2) == ["a", "b"]
    for job in mine[1:]:
        store.cancel(job.id)
    post(store, "a", 3)
    assert take(store, 4) == ["a", "b", "a", "b"]


@pytest.mark.parametrize("leave", ["cancel", "delete"])
def test_the_jobs_behind_one_that_leaves_move_up(store: JobStore, leave: str) -> None:
    a, b = post(store, "a", 3), post(store, "b", 3)
    getattr(store, leave)(a[1].id)
    expected = [a[0], b[0], a[2], b[1], b[2]]
    assert order(store) == [job.id for job in expected]
    for job in (*b, a[0], a[2]):
        getattr(store, leave)(job.id)
    assert store.claim() is None


def test_nothing_of_a_queue_remains_when_all_jobs_have_left(store: JobStore, redis: Redis) -> None:
    for number in range(30):
        post(store, f"caller {number}", 3)
    while (job := store.claim()) is not None:
        store.confirm_cancel(job)
    left = set(cast("list[str]", redis.keys("easel:queue:*")))
    assert left == {"easel:queue:turn:new", "easel:queue:served:new", "easel:queue:last-lane"}
    assert redis.zcard("easel:queue:served:new") == 30  # those of the last turn


def test_a_priority_counts_among_the_jobs_of_its_caller_only(store: JobStore) -> None:
    low, normal, high = (
        post(store, "a", priority=priority)[0] for priority in ("low", "normal", "high")
    )
    other = post(store, "b")[0]
    assert order(store) == [job.id for job in (high, other, normal, low)]


def test_a_job_of_low_priority_goes_before_jobs_that_are_posted_an_hour_later(
    store: JobStore, redis: Redis
) -> None:
    low = post(store, "a", priority="low")[0]
    earlier = float(cast(str, redis.hget(f"easel:job:{low.id}", "created_at"))) - 3601
    redis.hset(f"easel:job:{low.id}", "created_at", earlier)
    attempt = store.claim()
    assert attempt is not None
    store.hand_back(attempt)  # so that it is queued with that time
    later = store.claim(post(store, "a")[0].id)
    assert later is not None
    store.hand_back(later)
    assert order(store) == [low.id, later.id]


def test_a_job_that_was_started_before_goes_first(store: JobStore) -> None:
    post(store, "a", 3)
    job = store.claim(post(store, "b")[0].id)
    assert job is not None
    store.hand_back(job)
    assert order(store)[0] == job.id
    assert take(store, 2) == ["b", "a"]


def test_a_worker_takes_the_first_job_that_fits_into_its_memory(store: JobStore) -> None:
    a, b = post_large(store, "a", 2), post(store, "b", 2)
    assert store.next_job(SMALL) == b[0].id
    assert take(store, 3, SMALL) == ["b", "b", ""]
    assert order(store) == [job.id for job in a]
    assert store.next_job(Capacity(550)) is None  # its precision is not known
    assert take(store, 2) == ["a", "a"]


def test_a_small_job_behind_a_large_one_of_the_same_caller_is_found(store: JobStore) -> None:
    post_large(store, "a", JOBS_TRIED - 1)
    small = post(store, "a")[0]
    assert store.next_job(SMALL) == small.id
    post_large(store, "b", JOBS_TRIED)
    post(store, "b")
    store.cancel(small.id)
    assert store.next_job(SMALL) is None  # it looks no further


def test_a_caller_of_large_jobs_is_not_owed_the_turns_that_small_workers_gave_to_others(
    store: JobStore,
) -> None:
    post_large(store, "large", 100)
    post(store, "small", 60)
    assert take(store, 50, SMALL) == ["small"] * 50
    post(store, "new")
    assert take(store, 3).index("new") <= 2


def test_a_caller_of_large_jobs_is_next_at_a_large_worker(store: JobStore) -> None:
    post_large(store, "z", 10)
    for name in "abc":
        post(store, name, 50)
    for _ in range(10):
        assert take(store, 7, SMALL).count("z") == 0
        assert take(store) == ["z"]


def test_a_worker_takes_a_job_whose_device_failed_only_if_there_is_no_other(
    store: JobStore,
) -> None:
    lost, other = post(store, "a", 2)
    job = store.claim(lost.id)
    assert job is not None
    store.hand_back(job)  # it now waits among the jobs that go first
    avoiding = Capacity(avoided=frozenset([lost.id]))
    assert store.next_job() == lost.id
    assert store.next_job(avoiding) == other.id
    claimed = [store.claim(capacity=avoiding) for _ in range(2)]
    assert [each and each.id for each in claimed] == [other.id, lost.id]


def test_a_retried_claim_takes_no_second_job(store: JobStore) -> None:
    first, _ = post(store, "a", 2)
    answers = [store._claim(args=[8, "token", "", "", "", ""]) for _ in range(2)]
    assert answers[0] == answers[1]
    assert first.id in answers[0]


def test_the_order_is_that_of_queues_served_in_turn(store: JobStore, redis: Redis) -> None:
    """Compare random operations with one queue for each caller, served one after the other."""
    rng = random.Random(7)
    waiting: dict[str, deque[str]] = {}
    served: dict[str, int] = dict.fromkeys("abcd", 0)
    for _ in range(600):
        action = rng.random()
        if action < 0.5:
            caller = rng.choice("abcd")
            waiting.setdefault(caller, deque()).append(post(store, caller)[0].id)
        elif action < 0.6 and any(waiting.values()):
            caller = rng.choice([each for each in waiting if waiting[each]])
            job_id = rng.choice(list(waiting[caller]))
            waiting[caller].remove(job_id)
            store.cancel(job_id)
        elif job := store.claim():
            assert job.id == waiting[job.caller].popleft()
            served[job.caller] += 1
            store.confirm_cancel(job)
        else:
            assert not any(waiting.values())
        assert redis.zcard(JOBS_QUEUED) == sum(map(len, waiting.values()))
    ahead = order(store)
    # Between two jobs of a caller, every other caller that waits has exactly one.
    callers = {job_id: caller for caller, jobs in waiting.items() for job_id in jobs}
    sequence = [callers[job_id] for job_id in ahead]
    assert {c: [j for j in ahead if callers[j] == c] for c in waiting} == {
        c: list(jobs) for c, jobs in waiting.items()
    }
    for caller in waiting:
        places = [place for place, each in enumerate(sequence) if each == caller]
        for start, end in pairwise(places):
            between = sequence[start + 1 : end]
            assert len(between) == len(set(between))


def commands(redis: Redis, store: JobStore) -> int:
    """Return the number of commands that a claim runs on the server."""
    redis.config_resetstat()
    assert store.claim(capacity=LARGE) is not None
    stats = redis.info("commandstats")
    return sum(counts["calls"] for name, counts in stats.items() if name != "cmdstat_info")


def test_a_claim_runs_the_same_commands_whoever_waits(store: JobStore, redis: Redis) -> None:
    costs = []
    for callers, jobs in ((2, 2), (200, 5)):
        redis.flushall()
        for number in range(callers):
            post(store, f"caller {number}", jobs)
        store.claim(capacity=LARGE)  # loads the script
        costs.append(commands(redis, store))
    assert costs[0] == costs[1]


def test_a_claim_looks_at_a_limited_number_of_jobs_that_do_not_fit(
    store: JobStore, redis: Redis
) -> None:
    costs = []
    for callers in (CALLERS_TRIED, 3 * CALLERS_TRIED):
        redis.flushall()
        for number in range(callers):
            post_large(store, f"caller {number:03}", JOBS_TRIED + 1)
        store.claim(capacity=SMALL)
        redis.config_resetstat()
        assert store.claim(capacity=SMALL) is None
        stats = redis.info("commandstats")
        costs.append(sum(s["calls"] for name, s in stats.items() if name != "cmdstat_info"))
    assert costs[0] == costs[1]
