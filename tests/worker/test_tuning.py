"""The edits of a running job: taken between two steps, and made again by a later attempt."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from pydantic import BaseModel
from redis import Redis

from core.blobs.blobs import Blobs
from core.errors import JobFinished
from core.jobs.job import Job
from core.params import Network, StyleParams
from core.params.edits import with_edit, with_finish
from core.store.jobs import JobStore
from core.store.leases import Renewal
from tests.conftest import some_progress
from tests.core.store.test_transitions import expire_lease
from tests.worker.test_runner import (
    MakeRunner,
    decoded_result,
    inputs,
    make_runner,
    new_job,
    result_file,
)

__all__ = ["make_runner"]  # a fixture

#: Five steps at 32 pixels, and six at 64 in two phases.
PARAMS = StyleParams(size=64, steps=6, pyramid="32:2", network=Network.TORCHVISION)

PATIENCE_SECONDS = 60


class Killed(BaseException):
    """The worker dies."""


class Editor(JobStore):
    """A store for a worker, whose job somebody edits after some steps.

    Args:
        actions: what to do before step n is noticed, by n. The worker has learned of it then.
    """

    def __init__(self, redis: Redis, actions: dict[int, Callable[[], object]]) -> None:
        super().__init__(redis)
        self._actions = actions
        self._renewals = threading.Semaphore(0)
        self._calls = 0

    def renew(self, job: Job, **fields: BaseModel | str) -> Renewal:
        renewal = super().renew(job, **fields)
        self._renewals.release()
        return renewal

    def stopping(self) -> bool:
        """Act at the steps; the runner asks before the first and after each."""
        action = self._actions.get(self._calls - 1)
        self._calls += 1
        if action is not None:
            action()
            while self._renewals.acquire(blocking=False):
                pass
            for _ in range(2):  # the second one begins after the action
                assert self._renewals.acquire(timeout=PATIENCE_SECONDS)
        return False


def edit(store: JobStore, job: Job, **changes: object) -> Callable[[], object]:
    def act() -> None:
        current = store.get(job.id)
        assert store.edit(current, *with_edit(current.params, current.edits, changes))

    return act


def finish(store: JobStore, job: Job) -> Callable[[], object]:
    def act() -> None:
        current = store.get(job.id)
        assert store.edit(current, current.params, with_finish(current.edits))

    return act


def run(
    make_runner: MakeRunner, redis: Redis, job: Job, actions: dict[int, Callable[[], object]]
) -> None:
    editor = Editor(redis, actions)
    make_runner(editor.stopping, store=editor).run(job.id)


def replayed(make_runner: MakeRunner, store: JobStore, blobs: Blobs, job: Job) -> bytes:
    """Return the result of a new job with the parameters and edits of a finished one."""
    ended = store.get(job.id)
    edits = store.create(ended.params, inputs(blobs))
    queued = store.edit(edits, ended.params, ended.edits)
    assert queued is not None
    make_runner().run(queued.id)
    return result_file(store, blobs, queued)


def test_an_edited_job_replays_to_the_same_bytes(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_job(store, blobs, PARAMS)
    actions = {
        2: edit(store, job, strength=0.9),
        7: edit(store, job, style_scale=0.8),
        9: edit(store, job, steps=9, tv_weight=2, format="jpeg"),
    }
    run(make_runner, redis, job, actions)
    ended = store.get(job.id)
    assert [each.step for each in ended.edits] == [0, 2, 7, 9]
    assert ended.metrics is not None
    assert ended.metrics.steps == 6 + 9
    assert ended.result is not None
    assert ended.result.media_type == "image/jpeg"
    assert replayed(make_runner, store, blobs, job) == result_file(store, blobs, job)


@pytest.mark.parametrize("checkpointed", [True, False])
def test_a_worker_that_dies_after_taking_an_edit_changes_nothing(
    make_runner: MakeRunner,
    store: JobStore,
    blobs: Blobs,
    redis: Redis,
    checkpointed: bool,
) -> None:
    job = new_job(store, blobs, PARAMS)

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        run(make_runner, redis, job, {3: edit(store, job, strength=0.9), 4: die})
    assert [each.step for each in store.get(job.id).edits] == [0, 3]
    expire_lease(redis, job, max_attempts=3)
    if not checkpointed:
        redis.hdel(f"easel:job:{job.id}", "checkpoint")
    waiting = {0: edit(store, job, strength=0.1)}  # not taken before the first is made again
    run(make_runner, redis, job, waiting)
    ended = store.get(job.id)
    assert [each.step for each in ended.edits][:2] == [0, 3]
    assert 3 <= (ended.edits[-1].step or 0) <= 12
    assert replayed(make_runner, store, blobs, job) == result_file(store, blobs, job)


def test_a_lost_job_is_finished_as_far_as_it_was_seen(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_job(store, blobs, PARAMS)
    lost = store.claim(job.id)
    assert lost is not None
    store.renew(lost, progress=some_progress().model_copy(update={"step": 7}))
    expire_lease(redis, job, max_attempts=3)
    finish(store, job)()
    run(make_runner, redis, job, {0: lambda: None})  # the worker knows of it from the start
    metrics = store.get(job.id).metrics
    assert metrics is not None
    assert metrics.steps == 7


@pytest.mark.parametrize("at", [2, 8])
def test_a_finished_job_succeeds_with_its_picture_at_the_full_size(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis, at: int
) -> None:
    job = new_job(store, blobs, PARAMS)
    run(make_runner, redis, job, {at: finish(store, job)})
    ended = store.get(job.id)
    assert (ended.status, ended.warnings) == ("succeeded", ())
    assert ended.metrics is not None
    assert ended.metrics.steps == at
    assert decoded_result(store, blobs, job).picture.size == (64, 48)
    assert replayed(make_runner, store, blobs, job) == result_file(store, blobs, job)


def test_a_late_edit_adds_steps_or_has_no_effect(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_job(store, blobs, PARAMS)
    run(make_runner, redis, job, {12: edit(store, job, steps=8)})
    metrics = store.get(job.id).metrics
    assert metrics is not None
    assert metrics.steps == 6 + 8
    assert replayed(make_runner, store, blobs, job) == result_file(store, blobs, job)


def test_a_job_that_stores_its_result_takes_no_more_edits(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = new_job(store, blobs, PARAMS)
    put, refused = blobs.put, []

    def edit_then_put(data: bytes, digest: str | None = None) -> str:
        with pytest.raises(JobFinished):
            edit(store, job, strength=0.9)()
        refused.append(digest)
        return put(data, digest)

    def first(data: bytes, digest: str | None = None) -> str:
        return (
            put(data, digest) if store.get(job.id).result is None else edit_then_put(data, digest)
        )

    monkeypatch.setattr(blobs, "put", first)
    make_runner().run(job.id)
    ended = store.get(job.id)
    assert ended.result is not None
    assert refused[-1] == ended.result.sha256
    assert ended.params == PARAMS
