"""When progress is written, and the time left."""

from __future__ import annotations

import pytest

from worker.progress import Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_due_at_most_four_times_a_second() -> None:
    clock = Clock()
    pace = Pace(clock)
    due = 0
    for _ in range(1000):  # ten seconds of steps of 10 ms
        clock.now += 0.01
        due += pace.due()
    assert 38 <= due <= 40


def test_the_first_step_is_always_due_and_slow_steps_all_are() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(5):
        assert pace.due()
        clock.now += 0.3


def test_the_time_left_is_extrapolated() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.eta(0) is None
    clock.now += 30
    assert pace.eta(0.25) == pytest.approx(90)
    assert pace.eta(1) == 0


def test_what_an_earlier_attempt_did_took_no_time_of_this_one() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.eta(0.5) is None
    clock.now += 10
    assert pace.eta(0.75) == pytest.approx(10)
