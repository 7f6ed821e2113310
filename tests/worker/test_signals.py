"""A worker that is told to stop more than once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from threading import Lock
from types import FrameType

import pytest

from worker.signals import heed_once

NUMBER = signal.SIGUSR1


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    earlier = signal.getsignal(NUMBER)
    yield
    signal.signal(NUMBER, earlier)


def test_a_second_signal_does_not_come_in_between_the_handler_of_the_first() -> None:
    lock, free = Lock(), []

    def stop(number: int, _: FrameType | None) -> None:
        free.append(lock.acquire(blocking=False))
        if len(free) == 1:
            signal.raise_signal(number)  # while the lock is held
        lock.release()

    signal.signal(NUMBER, stop)
    heed_once(NUMBER)
    signal.raise_signal(NUMBER)
    signal.raise_signal(NUMBER)
    assert free == [True]


def test_a_worker_that_connects_again_still_heeds_a_signal_once() -> None:
    heard = []
    signal.signal(NUMBER, lambda number, _: heard.append(number))
    heed_once(NUMBER)
    first = signal.getsignal(NUMBER)
    heed_once(NUMBER)
    assert signal.getsignal(NUMBER) is first
    signal.raise_signal(NUMBER)
    signal.raise_signal(NUMBER)
    assert heard == [NUMBER]


def test_a_signal_without_a_handler_is_left_as_it_is() -> None:
    signal.signal(NUMBER, signal.SIG_IGN)
    heed_once(NUMBER)
    assert signal.getsignal(NUMBER) is signal.SIG_IGN
