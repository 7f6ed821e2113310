"""A worker that takes no jobs although some wait."""

from __future__ import annotations

from worker.watchdog import Watchdog


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def looks(*, busy: bool = False, taken: int = 0, waiting: int = 1) -> list[bool]:
    """What it says every ten seconds, with a limit of thirty."""
    clock = Clock()
    watchdog = Watchdog(30, clock)
    found = []
    for turn in range(1, 6):
        clock.now += 10
        found.append(watchdog.is_stuck(busy=busy, taken=taken * turn, waiting=waiting))
    return found


def test_an_idle_worker_is_stuck_when_jobs_have_waited_for_the_limit() -> None:
    assert looks() == [False, False, False, True, True]


def test_a_worker_that_works_or_takes_jobs_or_has_nothing_to_take_is_well() -> None:
    for well in (looks(busy=True), looks(taken=1), looks(waiting=0)):
        assert well == [False] * 5


def test_the_time_counts_from_the_last_sign_of_life() -> None:
    clock = Clock()
    watchdog = Watchdog(30, clock)
    for now, waiting, stuck in ((25, 1, False), (40, 0, False), (60, 1, False), (71, 1, True)):
        clock.now = now
        assert watchdog.is_stuck(busy=False, taken=0, waiting=waiting) is stuck
