"""A worker's steps a second."""

from __future__ import annotations

from worker.meter import Meter


def test_the_rate_is_that_since_the_last_look() -> None:
    times = iter([100.0, 102.0, 106.0, 106.0])
    meter = Meter(lambda: next(times))
    assert [meter.rate(20), meter.rate(20), meter.rate(25)] == [10.0, 0.0, 0.0]
