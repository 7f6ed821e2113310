"""Forecasts from the state of workers and running jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.jobs.waiting.forecast import Forecast, make_forecast
from core.jobs.work import Speed
from tests.conftest import some_progress

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def seconds(forecast: Forecast, position: int) -> float | None:
    start = forecast.start(position)
    return None if start is None else (start - NOW).total_seconds()


def progress(eta: float | None) -> str:
    return some_progress().model_copy(update={"eta_seconds": eta}).model_dump_json()


def test_an_idle_worker_starts_a_job_at_once() -> None:
    forecast = make_forecast(NOW, 2, 30, [(5, progress(20))])
    assert [seconds(forecast, each) for each in range(4)] == [0, 20, 30, 50]


def test_jobs_share_the_workers() -> None:
    forecast = make_forecast(NOW, 2, 30, [(5, progress(20)), (9, progress(4))])
    assert [seconds(forecast, each) for each in range(5)] == [4, 20, 34, 50, 64]


@pytest.mark.parametrize(("since", "remaining"), [(10, 20), (45, 0)])
def test_a_run_without_an_estimate_is_assumed_average(since: float, remaining: float) -> None:
    for text in (None, progress(None)):
        assert seconds(make_forecast(NOW, 1, 30, [(since, text)]), 0) == remaining


def test_there_is_no_forecast_without_a_worker_or_a_finished_run() -> None:
    assert make_forecast(NOW, 0, 30, []).start(0) is None
    assert make_forecast(NOW, 0, 30, [(5, progress(20))]).start(0) is None
    first = make_forecast(NOW, 1, None, [(5, progress(20))])
    assert (first.start(0), first.start(1)) == (NOW + timedelta(seconds=20), None)


def test_a_job_starts_after_the_work_of_those_before_it() -> None:
    pace = Speed({"seconds:any": 10, "work:any": 1000})
    forecast = make_forecast(NOW, 2, 30, [], [8000, 500, None], pace)
    # The long job takes one worker, and the others follow each other on the second one.
    assert [seconds(forecast, each) for each in range(5)] == [0, 0, 5, 35, 65]
