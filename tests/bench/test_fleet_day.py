"""The simulated day judges estimates as its page says."""

from __future__ import annotations

import pytest

from bench.fleet.day import Day, Job, share_right


def job(estimate: float, wait: float) -> Job:
    return Job(turn=1, number=0, estimate=estimate, wait=wait)


@pytest.mark.parametrize(
    ("estimate", "wait", "right"),
    [(100, 125, 1), (74, 100, 0), (126, 100, 0), (2, 4, 1), (1, 4, 0)],
)
def test_an_estimate_is_right_within_a_quarter_or_two_seconds(
    estimate: float, wait: float, right: float
) -> None:
    assert share_right([job(estimate, wait)]) == right


def test_every_job_of_a_day_starts_and_no_worker_runs_two_at_once() -> None:
    day = Day(seed=1, workers=2, load=0.02)
    day.run()
    spans = [(each.posted + each.wait, each.seconds) for each in day.jobs]
    assert len(spans) > 100
    for start, _ in spans:
        assert sum(begin <= start < begin + seconds for begin, seconds in spans) <= 2
