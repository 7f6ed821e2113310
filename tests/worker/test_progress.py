"""When progress is written, how far a run has come, and the time left."""

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


def test_the_time_left_is_extrapolated_from_the_first_step_on() -> None:
    clock = Clock()
    pace = Pace(clock)
    clock.now += 12  # pictures are read, the styles looked at
    assert pace.eta(0, 0) is None
    clock.now += 30
    assert pace.eta(0, 0.25) == pytest.approx(90)
    assert pace.eta(0, 1) == 0


def test_what_an_earlier_attempt_did_took_no_time_of_this_one() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.eta(0, 0.5) is None
    clock.now += 10
    assert pace.eta(0, 0.75) == pytest.approx(10)


def test_the_pace_of_a_larger_scale_replaces_that_of_the_one_before() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.eta(0, 0)
    clock.now += 20
    assert pace.eta(0, 0.2) == pytest.approx(80)
    clock.now += 5  # the larger scale is prepared
    assert pace.eta(1, 0.2) == pytest.approx(80)
    clock.now += 1
    assert pace.eta(1, 0.205) == pytest.approx(79.5)  # too little to tell
    clock.now += 9
    assert pace.eta(1, 0.4) == pytest.approx(30)


@pytest.mark.parametrize(("told", "resumed"), [(0.5, 0.4), (0.5, 0.0), (0.4, 0.5), (0.0, 0.0)])
def test_the_fraction_that_is_told_never_falls_and_ends_at_one(told: float, resumed: float) -> None:
    pace = Pace(Clock(), told)
    parts = [resumed + (1 - resumed) * part / 20 for part in range(21)]
    shown = [pace.told(part) for part in parts]
    assert shown[0] == max(told, resumed)
    assert shown == sorted(shown)
    assert shown[-1] == pytest.approx(1)
    if told <= resumed:
        assert shown == pytest.approx(parts)  # what is done, and nothing else
