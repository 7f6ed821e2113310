"""Drafts of a worker: painted like a job, anew after a change, and at rest without it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from core.blobs.blobs import Blobs
from core.jobs.job import Job
from core.jobs.status import JobStatus
from core.params.edits import Edit, with_finish
from core.store.jobs import JobStore
from core.store.keys import preview_key
from tests.worker.test_runner import MakeRunner, inputs, make_runner, new_job, result_file
from tests.worker.test_tuning import PARAMS, run
from worker import drafting

__all__ = ["make_runner"]  # a fixture


def new_draft(store: JobStore, blobs: Blobs) -> Job:
    return store.create(PARAMS, inputs(blobs), draft="1")


def edit(store: JobStore, job: Job, strength: float) -> Callable[[], object]:
    def act() -> None:
        current = store.get(job.id)
        params = current.params.model_copy(update={"strength": strength})
        assert store.edit(current, params, (Edit(step=None, params={}),))

    return act


def posted(make_runner: MakeRunner, store: JobStore, blobs: Blobs, strength: float) -> bytes:
    """Return the result of a job that is posted with that strength."""
    job = new_job(store, blobs, PARAMS.model_copy(update={"strength": strength}))
    make_runner().run(job.id)
    return result_file(store, blobs, job)


def test_a_draft_rests_after_its_last_step_and_shows_it(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_draft(store, blobs)
    run(make_runner, redis, job, {})
    rests = store.get(job.id)
    assert (rests.status, rests.attempts) == (JobStatus.QUEUED, 0)
    assert rests.progress is not None
    assert (rests.progress.fraction, rests.progress.step) == (1, 12)
    assert rests.preview_version >= 2  # one for each scale
    assert redis.exists(preview_key(job.id))


def test_a_kept_draft_is_the_job_with_its_last_parameters_byte_for_byte(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_draft(store, blobs)
    actions = {2: edit(store, job, 0.9), 9: edit(store, job, 0.1), 14: edit(store, job, 0.8)}
    run(make_runner, redis, job, actions)
    assert store.get(job.id).revision == 3
    edit(store, job, 0.7)()  # it rests
    run(make_runner, redis, job, {3: lambda: store.keep_draft(job.id)})
    run(make_runner, redis, job, {})
    assert result_file(store, blobs, job) == posted(make_runner, store, blobs, 0.7)


def test_a_running_draft_that_is_finished_twice_is_painted_as_a_job(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    def finish_twice() -> None:
        kept = store.keep_draft(job.id)
        assert store.edit(kept, kept.params, with_finish(kept.edits))

    job = new_draft(store, blobs)
    run(make_runner, redis, job, {3: finish_twice})
    assert store.get(job.id).status is JobStatus.QUEUED
    run(make_runner, redis, job, {})
    assert result_file(store, blobs, job) == posted(make_runner, store, blobs, 0.5)


def test_a_resting_draft_that_is_kept_is_painted_again(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_draft(store, blobs)
    run(make_runner, redis, job, {})
    store.keep_draft(job.id)
    run(make_runner, redis, job, {})
    assert result_file(store, blobs, job) == posted(make_runner, store, blobs, 0.5)


def test_a_canceled_draft_ends_at_its_next_step(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_draft(store, blobs)
    run(make_runner, redis, job, {2: lambda: store.cancel(job.id)})
    assert store.get(job.id).status is JobStatus.CANCELED


def test_a_draft_that_is_changed_for_long_lets_other_jobs_go_first(
    make_runner: MakeRunner,
    store: JobStore,
    blobs: Blobs,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drafting, "TURN_SECONDS", 0)
    job, other = new_draft(store, blobs), new_job(store, blobs, PARAMS)
    run(make_runner, redis, job, {2: edit(store, job, 0.9)})
    assert store.get(job.id).status is JobStatus.QUEUED
    assert store.next_job() == other.id
