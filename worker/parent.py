"""The parent process of a worker: reaper, watchdog, and the way a worker stops.

This is the only module that uses the internals of Celery and billiard: the request counters
of ``celery.worker.state``, and ``billiard.process.active_children``. Tried with Celery 5.7.0
and billiard 4.3.2.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from billiard.process import active_children
from celery import Celery
from celery.worker import state

from core.errors import ServiceUnavailable
from core.queue.app import JobQueue, Messages, make_celery
from core.runtime.redis import connect
from core.runtime.ticker import Ticker
from core.settings.model import Settings
from core.store.statistics import BackgroundErrors
from core.upkeep.reaper import Reaper
from worker.host.concurrency import number_of_workers
from worker.lease import exit_now

_logger = logging.getLogger(__name__)

#: Asks the child to save its job and hand it back. The pool itself uses SIGTERM.
INTERRUPT = signal.SIGUSR2


class WorkerParent:
    """Runs the reaper and the watchdog, and passes a shutdown on to the children.

    Args:
        settings: the settings of the deployment.
        celery: the application of the worker.
        clock: returns monotonic seconds.
    """

    def __init__(
        self, settings: Settings, celery: Celery, clock: Callable[[], float] = time.monotonic
    ) -> None:
        redis = connect(settings.redis_url, patience=0)
        self._celery = celery
        self._messages = Messages(redis)
        self._concurrency = number_of_workers(settings)
        self._watchdog = Watchdog(settings.idle_seconds, clock)
        reaper = Reaper(
            redis,
            JobQueue(make_celery(settings.redis_url)),
            lease_seconds=settings.lease_seconds,
            every_seconds=settings.sweep_seconds,
            max_attempts=settings.max_attempts,
        )
        count_error = BackgroundErrors(redis).add
        self._tickers = (
            Ticker("reaper", settings.sweep_seconds, reaper.sweep, count_error),
            Ticker("watchdog", settings.idle_seconds / 10, self._watch, count_error),
        )

    def start(self) -> None:
        """Start the reaper and the watchdog."""
        for ticker in self._tickers:
            ticker.start()
        _logger.info("parent started")

    def stop(self) -> None:
        """Stop the reaper and the watchdog, and interrupt the children's jobs."""
        for ticker in self._tickers:
            ticker.stop()
        for child in active_children():
            os.kill(child.pid, INTERRUPT)

    def is_stuck(self) -> bool:
        """Return whether jobs wait and this worker should take one, but has not for too long."""
        # A worker that could take another message, but does not, is not busy. One that is drained
        # (``worker.drain``) reads no queue, and is to complete the jobs that it has.
        jobs = len(state.reserved_requests)
        drained = not self._celery.amqp.queues.consume_from
        busy = jobs >= self._concurrency or (drained and jobs > 0)
        try:
            waiting = self._messages.count()
        except ServiceUnavailable:
            waiting = 0  # no worker can take jobs now
        return self._watchdog.is_stuck(
            busy=busy, received=state.all_total_count[0], waiting=waiting
        )

    def _watch(self) -> None:
        if self.is_stuck():
            _logger.critical("jobs wait but none is received; exiting")
            exit_now()  # the main thread may hang; the kernel ends the children


class Watchdog:
    """Detects a worker that receives no jobs although some wait.

    A broker connection can look alive and deliver nothing. Only a restart helps then.

    Args:
        limit_seconds: how long a worker may be idle while messages wait.
        clock: returns monotonic seconds.
    """

    def __init__(self, limit_seconds: float, clock: Callable[[], float]) -> None:
        self._limit_seconds = limit_seconds
        self._clock = clock
        self._received = 0
        self._last_healthy = clock()

    def is_stuck(self, *, busy: bool, received: int, waiting: int) -> bool:
        """Take note of the worker's state and return whether it is stuck.

        Args:
            busy: whether the worker has as many jobs as it runs at a time, or is to take none.
            received: the number of messages it has received since it started.
            waiting: the number of messages that no worker has received yet.
        """
        if busy or received != self._received or waiting == 0:
            self._last_healthy = self._clock()
        self._received = received
        return self._clock() - self._last_healthy > self._limit_seconds


def handle_once(number: signal.Signals) -> None:
    """Call the handler of a signal the first time only.

    Celery's handler takes locks. A second signal during the handler would enter it again, and
    the worker would wait forever for a lock that it holds itself.

    Args:
        number: a signal whose handler is already installed.
    """
    handler = signal.getsignal(number)
    if callable(handler) and not isinstance(handler, _Once):
        signal.signal(number, _Once(handler))


class _Once:
    def __init__(self, handler: Callable[[int, FrameType | None], Any]) -> None:
        self._handler = handler
        self._called = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self._called:
            self._called = True
            self._handler(number, frame)
