"""The history of a job's losses, in a real Valkey."""

from __future__ import annotations

from itertools import pairwise

import pytest
from redis import Redis

from core.errors import StaleAttempt
from core.jobs.job import Job, Loss, Progress
from core.jobs.losses import POINTS, LossPoint, parse_point
from core.store.jobs import JobStore
from core.store.keys import losses_key
from tests.core.store.test_jobs import FAILURE, METRICS, RESULT, claimed


def at(step: int, steps: int, scale: int = 0) -> Progress:
    loss = Loss(total=1000 / step, content=0.25, style=1 / step, tv=1e-7)
    return Progress(
        step=step, steps=steps, fraction=round(step / steps, 4),
        scale=scale, scales=2, width=64, height=48, loss=loss,
    )  # fmt: skip


def points(store: JobStore, job: Job) -> list[LossPoint]:
    return [parse_point(line) for line in store.losses(job.id)]


def test_a_short_run_keeps_every_report_once(store: JobStore) -> None:
    job = claimed(store)
    assert points(store, job) == []
    for step in (1, 2, 2, 3):
        store.renew(job, progress=at(step, 4))
    store.succeed(job, RESULT, at(4, 4), METRICS)
    assert [point.step for point in points(store, job)] == [1, 2, 3, 4]
    assert points(store, job)[2].model_dump() == {
        "step": 3, "fraction": 0.75, "scale": 0, "width": 64, "height": 48,
        "total": 333.333, "content": 0.25, "style": 0.333333, "tv": 1e-7,
    }  # fmt: skip


def test_a_long_run_keeps_its_start_its_end_and_evenly_spaced_points(store: JobStore) -> None:
    job = claimed(store)
    steps = 1500
    for step in range(1, steps + 1):
        store.renew(job, progress=at(step, steps))
    kept = points(store, job)
    assert (kept[0].step, kept[-1].step) == (1, steps)
    assert POINTS * 0.8 < len(kept) <= POINTS + 1
    gaps = [after.step - before.step for before, after in pairwise(kept)]
    assert max(gaps) <= steps / POINTS + 1


def test_the_first_step_at_every_scale_is_kept(store: JobStore) -> None:
    job = claimed(store)
    for step in range(1, 1001):
        store.renew(job, progress=at(step, 1000, scale=int(step >= 503)))
    assert next(point.step for point in points(store, job) if point.scale) == 503


def test_only_the_attempt_that_owns_the_job_writes_its_losses(store: JobStore) -> None:
    job = claimed(store)
    store.renew(job, progress=at(1, 4))
    store.fail(job, FAILURE)
    with pytest.raises(StaleAttempt):
        store.renew(job, progress=at(2, 4))
    assert [point.step for point in points(store, job)] == [1]


def test_losses_end_with_the_files_or_with_the_job(store: JobStore, redis: Redis) -> None:
    job = claimed(store)
    store.renew(job, progress=at(1, 4))
    assert redis.ttl(losses_key(job.id)) == -1
    store.succeed(job, RESULT, at(4, 4), METRICS)
    assert 0 < redis.ttl(losses_key(job.id)) <= job.retention_seconds
    store.delete(job.id)
    assert not redis.exists(losses_key(job.id))
