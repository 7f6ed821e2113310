"""When progress is reported, the reported fraction, the time left, and the step rate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from core.jobs.job import Inputs, Job, Picture
from core.jobs.status import JobStatus
from core.nst import Step
from core.params import StyleParams
from tests.worker.conftest import Clock
from worker.progress import JobTime, Pace, Rate, RunLimits


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(clock)


def test_progress_is_due_at_most_four_times_a_second(pace: Pace, clock: Clock) -> None:
    due = 0
    for _ in range(1000):  # ten seconds of steps of 10 ms
        clock.now += 0.01
        due += pace.due()
    assert 38 <= due <= 40


def test_the_first_step_and_every_slow_step_are_due(pace: Pace, clock: Clock) -> None:
    for _ in range(5):
        assert pace.due()
        clock.now += 0.3


def test_the_time_left_is_extrapolated_from_the_first_step(pace: Pace, clock: Clock) -> None:
    clock.now += 12  # loading pictures and preparing the styles
    assert pace.eta(0, 0) is None
    clock.now += 30
    assert pace.eta(0, 0.25) == pytest.approx(90)
    assert pace.eta(0, 1) == 0


def test_the_work_of_an_earlier_attempt_does_not_count_for_the_pace(
    pace: Pace, clock: Clock
) -> None:
    assert pace.eta(0, 0.5) is None
    clock.now += 10
    assert pace.eta(0, 0.75) == pytest.approx(10)


def test_the_pace_of_a_larger_scale_replaces_the_pace_before_it(pace: Pace, clock: Clock) -> None:
    pace.eta(0, 0)
    clock.now += 20
    assert pace.eta(0, 0.2) == pytest.approx(80)
    clock.now += 5  # preparing the larger scale
    assert pace.eta(1, 0.2) == pytest.approx(80)
    clock.now += 1
    assert pace.eta(1, 0.205) == pytest.approx(79.5)  # not enough work for a pace of its own
    clock.now += 9
    assert pace.eta(1, 0.4) == pytest.approx(30)


@pytest.mark.parametrize(("reported", "resumed"), [(0.5, 0.4), (0.5, 0.0), (0.4, 0.5), (0.0, 0.0)])
def test_the_reported_fraction_never_falls_and_ends_at_one(
    clock: Clock, reported: float, resumed: float
) -> None:
    pace = Pace(clock, reported)
    done = [resumed + (1 - resumed) * part / 20 for part in range(21)]
    fractions = [pace.fraction(each) for each in done]
    assert fractions[0] == max(reported, resumed)
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    if reported <= resumed:
        assert fractions == pytest.approx(done)


def test_the_rate_is_the_growth_since_the_last_update(clock: Clock) -> None:
    rate = Rate(clock)
    clock.now += 2
    assert rate.update(20) == 10.0
    clock.now += 4
    assert rate.update(20) == 0.0
    assert rate.update(25) == 0.0  # no time has passed


def test_a_step_of_a_very_large_picture_may_take_longer_before_it_counts_as_stalled() -> None:
    limits = RunLimits(checkpoint_seconds=5, stall_seconds=900)
    assert limits.stall_of(512 * 512) == limits.stall_of(2048**2) == 900
    assert limits.stall_of(8192**2) == 16 * 900


@pytest.mark.parametrize("lag", [timedelta(days=-365), timedelta(0), timedelta(days=365)])
def test_a_resumed_job_has_the_time_that_is_left_whatever_the_time_on_its_host(
    clock: Clock, lag: timedelta
) -> None:
    picture = Picture(sha256="a" * 64, media_type="image/png", size_bytes=1)
    by_redis = datetime.now(UTC) - lag
    job = Job(
        id="a job",
        status=JobStatus.RUNNING,
        attempt=2,
        params=StyleParams(),
        inputs=Inputs(content=picture, styles=(picture,)),
        created_at=by_redis,
        started_at=by_redis,
        claimed_at=by_redis + timedelta(seconds=7),
    )
    job_time = JobTime.of(job, 10, clock)
    step = cast(Step, SimpleNamespace(scale=0, scales=1))
    clock.now += 2.9
    assert not job_time.ends_with(step)
    clock.now += 0.2
    assert job_time.ends_with(step)
