"""The watchdog of the parent, and signals that arrive more than once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from threading import Lock
from types import FrameType

import pytest
from celery.worker import state

from core.queue.app import JOB_QUEUES, JobQueue, make_celery
from core.settings.model import Settings
from tests.worker.conftest import Clock
from worker.parent import Watchdog, WorkerParent, handle_once

LIMIT_SECONDS = 30
SIGNAL = signal.SIGUSR1


@pytest.fixture
def watchdog(clock: Clock) -> Watchdog:
    return Watchdog(LIMIT_SECONDS, clock)


def test_an_idle_worker_is_stuck_once_jobs_have_waited_longer_than_the_limit(
    watchdog: Watchdog, clock: Clock
) -> None:
    stuck = []
    for _ in range(5):
        clock.now += 10
        stuck.append(watchdog.is_stuck(busy=False, received=0, waiting=1))
    assert stuck == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("busy", "received_each_time", "waiting"),
    [(True, 0, 1), (False, 1, 1), (False, 0, 0)],
    ids=["it is busy", "it receives messages", "no message waits"],
)
def test_a_worker_is_not_stuck_while(
    watchdog: Watchdog, clock: Clock, *, busy: bool, received_each_time: int, waiting: int
) -> None:
    for turn in range(1, 6):
        clock.now += 10
        received = received_each_time * turn
        assert not watchdog.is_stuck(busy=busy, received=received, waiting=waiting)


def test_the_limit_counts_from_the_last_time_the_worker_was_healthy(
    watchdog: Watchdog, clock: Clock
) -> None:
    start = clock.now
    for seconds, waiting, stuck in ((25, 1, False), (40, 0, False), (60, 1, False), (71, 1, True)):
        clock.now = start + seconds
        assert watchdog.is_stuck(busy=False, received=0, waiting=waiting) is stuck


def test_a_drained_worker_is_not_stuck_while_it_completes_a_job(
    valkey_url: str, queue: JobQueue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    celery = make_celery(valkey_url)
    settings = Settings(redis_url=valkey_url, workers=2, idle_seconds=LIMIT_SECONDS)
    parent = WorkerParent(settings, celery, clock)
    queue.announce("a job that waits")
    monkeypatch.setattr(state, "reserved_requests", {"a job that runs"})
    clock.now += LIMIT_SECONDS + 1
    assert parent.is_stuck()  # it has room for a second job
    celery.amqp.queues.deselect(JOB_QUEUES)  # as the command cancel_consumer does
    clock.now += LIMIT_SECONDS + 1
    assert not parent.is_stuck()


@pytest.fixture
def _restored_handler() -> Iterator[None]:
    handler = signal.getsignal(SIGNAL)
    yield
    signal.signal(SIGNAL, handler)


@pytest.mark.usefixtures("_restored_handler")
def test_a_second_signal_does_not_enter_the_handler_again() -> None:
    lock, acquired = Lock(), []

    def stop(number: int, _: FrameType | None) -> None:
        acquired.append(lock.acquire(blocking=False))
        if len(acquired) == 1:
            signal.raise_signal(number)  # while the lock is held
        lock.release()

    signal.signal(SIGNAL, stop)
    handle_once(SIGNAL)
    signal.raise_signal(SIGNAL)
    signal.raise_signal(SIGNAL)
    assert acquired == [True]


@pytest.mark.usefixtures("_restored_handler")
def test_a_worker_that_becomes_ready_twice_still_handles_the_signal_once() -> None:
    handled = []
    signal.signal(SIGNAL, lambda number, _: handled.append(number))
    handle_once(SIGNAL)
    handler = signal.getsignal(SIGNAL)
    handle_once(SIGNAL)
    assert signal.getsignal(SIGNAL) is handler
    signal.raise_signal(SIGNAL)
    signal.raise_signal(SIGNAL)
    assert handled == [SIGNAL]


@pytest.mark.usefixtures("_restored_handler")
def test_a_signal_without_a_handler_stays_as_it_is() -> None:
    signal.signal(SIGNAL, signal.SIG_IGN)
    handle_once(SIGNAL)
    assert signal.getsignal(SIGNAL) is signal.SIG_IGN
