"""Edits of jobs in a real Valkey: one editor at a time, and taken by the worker once."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from core.errors import JobFinished, JobNotFound, StaleAttempt
from core.jobs.job import Job
from core.params.edits import with_edit, with_finish
from core.store.jobs import JobStore
from core.store.keys import events_key
from tests.core.store.test_jobs import METRICS, PROGRESS, RESULT, claimed, new_job


def edit(store: JobStore, job: Job, **changes: object) -> Job | None:
    params, edits = with_edit(job.params, job.edits, changes)
    return store.edit(job, params, edits)


def events(redis: Redis, job: Job) -> list[str]:
    entries: Any = redis.xrange(events_key(job.id))
    return [fields["event"] for _, fields in entries]


def test_an_edit_replaces_the_parameters_and_counts(store: JobStore, redis: Redis) -> None:
    job = claimed(store)
    edited = edit(store, job, strength=0.7)
    assert edited is not None
    assert edited == store.get(job.id)
    assert (edited.params.strength, edited.revision) == (0.7, 1)
    assert [each.step for each in edited.edits] == [0, None]
    assert events(redis, job) == ["queued", "started", "edited"]


def test_an_edit_of_a_job_that_has_changed_is_refused(store: JobStore) -> None:
    job = new_job(store)
    claimed_job = store.claim(job.id)
    assert edit(store, job, strength=0.7) is None  # the run has begun
    assert claimed_job is not None
    edited = edit(store, claimed_job, strength=0.7)
    assert edit(store, claimed_job, strength=0.8) is None  # another editor was faster
    assert edited is not None
    store.take_edits(claimed_job, 3, last=False)
    assert edit(store, edited, strength=0.9) is None  # its edit was taken
    assert store.get(job.id).params.strength == 0.7


def test_an_edit_needs_an_unfinished_job(store: JobStore) -> None:
    job = claimed(store)
    store.succeed(job, RESULT, PROGRESS, METRICS)
    with pytest.raises(JobFinished):
        edit(store, job, strength=0.7)
    store.delete(job.id)
    with pytest.raises(JobNotFound):
        edit(store, job, strength=0.7)


def test_a_worker_learns_of_an_edit_and_takes_it_at_its_step(store: JobStore, redis: Redis) -> None:
    job = claimed(store)
    assert not store.renew(job).edited
    edit(store, job, strength=0.7)
    assert store.renew(job).edited
    taken = store.take_edits(job, 12, last=False)
    assert [(each.step, each.params) for each in taken] == [
        (0, {"strength": 0.5}),
        (12, {"strength": 0.7}),
    ]
    assert store.get(job.id).edits == taken
    assert not store.renew(job).edited
    assert store.take_edits(job, 13, last=False) == taken  # also if the first reply was lost
    assert events(redis, job) == ["queued", "started", "edited"]  # only the newest is kept


def test_a_job_that_is_asked_to_finish_tells_its_worker(store: JobStore) -> None:
    job = claimed(store)
    store.edit(job, job.params, with_finish(job.edits))
    assert store.renew(job).edited
    assert [(each.step, each.finish) for each in store.take_edits(job, 9, last=False)] == [
        (9, True)
    ]


def test_after_the_last_step_a_job_takes_no_more_edits(store: JobStore) -> None:
    job = claimed(store)
    edited = edit(store, job, strength=0.7)
    assert len(store.take_edits(job, 10, last=True)) == 2  # one waited, so it may go on
    assert edited is not None
    later = edit(store, store.get(job.id), strength=0.8)
    assert later is not None
    store.take_edits(job, 14, last=False)
    store.take_edits(job, 20, last=True)
    with pytest.raises(JobFinished):
        edit(store, store.get(job.id), strength=0.9)
    assert store.get(job.id).params.strength == 0.8


def test_an_earlier_attempt_takes_no_edits(store: JobStore) -> None:
    first = claimed(store)
    store.hand_back(first)
    second = store.claim(first.id)
    assert second is not None
    edit(store, second, strength=0.7)
    with pytest.raises(StaleAttempt):
        store.take_edits(first, 3, last=False)
    assert store.get(first.id).edits[-1].step is None
