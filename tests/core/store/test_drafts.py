"""Drafts in a real Valkey: at rest without a worker, changed, kept, and ended unless read."""

from __future__ import annotations

from typing import Any, cast

import pytest
from redis import Redis

from core.jobs.admission import Admission
from core.jobs.job import Job, Progress
from core.jobs.status import JobStatus
from core.jobs.waiting import drafts
from core.params import StyleParams
from core.params.edits import Edit, with_finish
from core.store.jobs import JobStore
from core.store.keys import DRAFTS, JOBS_QUEUED, job_key
from core.store.scripts import script
from tests.core.store.test_jobs import INPUTS, METRICS, PROGRESS, RESULT, new_job

EDITED = (Edit(step=None, params={}),)


def new_draft(store: JobStore, caller: str = "somebody", owner: str | None = None) -> Job:
    admission = Admission(caller, 100, 100, owner=owner or caller)
    return store.create(StyleParams(), INPUTS, admission, draft="1")


def claim(store: JobStore, job: Job) -> Job:
    claimed = store.claim(job.id)
    assert claimed is not None
    return claimed


def resting(store: JobStore) -> Job:
    job = claim(store, new_draft(store))
    assert store.end_painting(job, PROGRESS) is None
    return store.get(job.id)


def edit(store: JobStore, job: Job, strength: float) -> Job:
    params = job.params.model_copy(update={"strength": strength})
    edited = store.edit(job, params, EDITED)
    assert edited is not None
    return edited


def read(redis: Redis, job: Job) -> Any:
    return script(redis, "queries/read_jobs")(args=[job.id])[0]


def expire(redis: Redis) -> list[str]:
    return cast(list[str], script(redis, "drafts/expire")())


@pytest.fixture
def empty(store: JobStore, redis: Redis) -> JobStore:
    redis.flushdb()
    return store


def test_a_painted_draft_rests_without_a_worker(empty: JobStore, redis: Redis) -> None:
    job = resting(empty)
    assert (job.status, job.progress, job.attempts) == (JobStatus.QUEUED, PROGRESS, 0)
    assert read(redis, job)[1] is None  # its position
    assert redis.zscore(JOBS_QUEUED, job.id) is None
    assert job.id != empty.next_job()


def test_a_resting_draft_that_is_changed_is_painted_again(empty: JobStore, redis: Redis) -> None:
    job = edit(empty, resting(empty), 0.9)
    assert read(redis, job)[1] == 0
    again = empty.claim()
    assert again is not None
    assert (again.id, again.params.strength, again.edits) == (job.id, 0.9, ())
    assert empty.end_painting(again) is JobStatus.RUNNING  # it begins with the change
    assert empty.end_painting(again, PROGRESS) is None


def test_a_draft_that_was_changed_while_it_ran_does_not_rest(empty: JobStore) -> None:
    job = claim(empty, new_draft(empty))
    edit(empty, job, 0.9)
    assert empty.renew(job).edited
    changed = empty.end_painting(job, PROGRESS)
    assert isinstance(changed, Job)
    assert changed.params.strength == 0.9
    assert not empty.renew(job).edited
    assert empty.get(job.id).edits == ()
    assert empty.end_painting(changed, PROGRESS) is None


@pytest.mark.parametrize("painted", [None, PROGRESS])
def test_a_change_is_painted_also_if_the_first_reply_is_lost(
    empty: JobStore, painted: Progress | None
) -> None:
    job = claim(empty, new_draft(empty))
    edit(empty, job, 0.9)
    replies = [empty.end_painting(job, painted) for _ in range(2)]
    assert [isinstance(reply, Job) and reply.params.strength for reply in replies] == [0.9, 0.9]


def test_a_kept_draft_ends_with_its_picture(empty: JobStore, redis: Redis) -> None:
    rests = resting(empty)
    assert empty.listing.page("somebody").jobs == ()
    kept = empty.keep_draft(rests.id)
    assert (kept.draft, kept.retention_seconds) == (False, 24 * 3600)
    (listed,) = empty.listing.page("somebody").jobs
    assert listed[0]["id"] == rests.id
    assert empty.listing.page("somebody", drafts=True).jobs == ()
    job = empty.claim()
    assert job is not None
    empty.succeed(job, RESULT, PROGRESS, METRICS)
    redis.zadd(DRAFTS, {job.id: 0}, xx=True)
    assert expire(redis) == []


def test_a_draft_that_is_kept_while_it_runs_waits_for_a_worker(empty: JobStore) -> None:
    job = claim(empty, new_draft(empty))
    empty.keep_draft(job.id)
    assert empty.end_painting(job, PROGRESS) is JobStatus.QUEUED
    again = empty.claim()
    assert again is not None
    assert (again.id, again.draft) == (job.id, False)


def test_a_kept_draft_that_is_finished_again_is_painted_as_a_job(empty: JobStore) -> None:
    job = claim(empty, new_draft(empty))
    kept = empty.keep_draft(job.id)
    empty.renew(job, progress=PROGRESS)
    assert empty.edit(kept, kept.params, with_finish(kept.edits))
    assert empty.end_painting(job) is JobStatus.QUEUED
    waits = empty.get(job.id)
    assert (waits.edits, waits.progress) == ((), None)
    assert empty.claim() is not None


def test_a_draft_that_was_changed_before_it_is_kept_has_no_edits(empty: JobStore) -> None:
    job = claim(empty, new_draft(empty))
    edit(empty, job, 0.9)
    empty.hand_back(job)
    kept = empty.keep_draft(job.id)
    assert (kept.edits, kept.params.strength) == ((), 0.9)


def test_a_draft_that_is_canceled_at_its_end_does_not_rest(empty: JobStore) -> None:
    job = claim(empty, new_draft(empty))
    empty.cancel(job.id)
    assert empty.end_painting(job, PROGRESS) is JobStatus.CANCELED
    assert empty.get(job.id).status is JobStatus.CANCELED


@pytest.mark.parametrize("at_rest", [True, False])
def test_a_draft_that_nobody_reads_is_canceled(
    empty: JobStore, redis: Redis, at_rest: bool
) -> None:
    job = resting(empty) if at_rest else new_draft(empty)
    assert expire(redis) == []
    redis.zincrby(DRAFTS, -drafts.IDLE_SECONDS, job.id)
    assert expire(redis) == [job.id]
    assert empty.get(job.id).status is JobStatus.CANCELED
    assert expire(redis) == []
    assert empty.next_job() != job.id


def test_reading_a_draft_keeps_it_until_it_is_too_old(empty: JobStore, redis: Redis) -> None:
    job = resting(empty)
    redis.zincrby(DRAFTS, -drafts.IDLE_SECONDS, job.id)
    read(redis, job)
    assert expire(redis) == []
    redis.hincrbyfloat(job_key(job.id), "created_at", -drafts.LIFE_SECONDS)
    redis.zincrby(DRAFTS, -drafts.IDLE_SECONDS, job.id)
    read(redis, job)
    assert expire(redis) == [job.id]


def test_a_running_draft_that_nobody_reads_ends_at_its_next_step(
    empty: JobStore, redis: Redis
) -> None:
    job = claim(empty, new_draft(empty))
    redis.zincrby(DRAFTS, -drafts.IDLE_SECONDS, job.id)
    expire(redis)
    assert empty.renew(job).canceled


def test_another_draft_takes_the_place_of_the_one_that_was_read_least_recently(
    empty: JobStore, redis: Redis
) -> None:
    first, second = new_draft(empty), new_draft(empty)
    other = new_draft(empty, caller="somebody else")
    read(redis, first)
    third = new_draft(empty)
    statuses = {each.id: empty.get(each.id).status for each in (first, second, third, other)}
    assert [id_ for id_, status in statuses.items() if status.done] == [second.id]


def test_callers_of_one_owner_do_not_end_the_drafts_of_each_other(empty: JobStore) -> None:
    jobs = [new_draft(empty, caller, "anonymous") for caller in ("a", "b") for _ in range(2)]
    assert not any(empty.get(job.id).status.done for job in jobs)


def test_drafts_go_before_other_jobs_but_not_twice_in_a_row(empty: JobStore) -> None:
    jobs = [new_job(empty).id, new_job(empty).id]
    for caller in "abc":
        new_draft(empty, caller)
    order = []
    while claimed := empty.claim():
        order.append(claimed.id if claimed.id in jobs else "draft")
    assert order == ["draft", jobs[0], "draft", jobs[1], "draft"]
