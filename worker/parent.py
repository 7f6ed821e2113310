"""What the parent of a worker does beside talking to the queue."""

from __future__ import annotations

import logging
import os
import signal
import time

from billiard.process import active_children
from celery.worker import state

from core.errors import ServiceUnavailable
from core.queue.app import JobQueue, Messages, make_celery
from core.runtime.redis import connect
from core.runtime.ticker import Ticker
from core.settings.model import Settings
from core.upkeep.reaper import Reaper
from worker.watchdog import Watchdog

_logger = logging.getLogger(__name__)

#: Tells the child to put its job away. SIGTERM is the pool's own.
INTERRUPT = signal.SIGUSR2

_STUCK_STATUS = 75  # EX_TEMPFAIL: whoever started the worker starts it again


class WorkerParent:
    """Sweeps, watches that jobs come in, and passes the order to stop on to the child.

    Args:
        settings: the deployment's.
    """

    def __init__(self, settings: Settings) -> None:
        redis = connect(settings.redis_url, patience=0)
        self._messages = Messages(redis)
        self._watchdog = Watchdog(settings.idle_seconds, time.monotonic)
        reaper = Reaper(
            redis,
            JobQueue(make_celery(settings.redis_url)),
            lease_seconds=settings.lease_seconds,
            every_seconds=settings.sweep_seconds,
            max_attempts=settings.max_attempts,
        )
        self._tickers = (
            Ticker("reaper", settings.sweep_seconds, reaper.sweep),
            Ticker("watchdog", settings.idle_seconds / 10, self._watch),
        )

    def start(self) -> None:
        """Begin to sweep and to watch."""
        for ticker in self._tickers:
            ticker.start()
        _logger.info("parent started")

    def stop(self) -> None:
        """Have the child put its job away."""
        for ticker in self._tickers:
            ticker.stop()
        for child in active_children():
            os.kill(child.pid, INTERRUPT)

    def _watch(self) -> None:
        try:
            waiting = self._messages.count()
        except ServiceUnavailable:
            waiting = 0  # nobody can take jobs then
        stuck = self._watchdog.is_stuck(
            busy=bool(state.reserved_requests), taken=state.all_total_count[0], waiting=waiting
        )
        if stuck:
            _logger.critical("jobs wait and none comes in; restarting", extra={"waiting": waiting})
            os._exit(_STUCK_STATUS)  # its main thread may hang; the kernel ends the child
