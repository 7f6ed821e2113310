"""A worker whose device has failed too often: it takes no jobs, and says why."""

from __future__ import annotations

import logging
import os
import socket
import time

from core.runtime.redis import connect
from core.runtime.ticker import Ticker
from core.settings.model import Settings
from core.store.statistics import BackgroundErrors
from core.store.workers import HEARTBEAT_SECONDS, WorkerRegistry

_logger = logging.getLogger(__name__)

#: How soon the process notices that it is to stop.
_POLL_SECONDS = 0.25


class OutOfService:
    """Takes the place of a process that runs jobs, until the worker is restarted.

    A worker that ended instead would be started again by its supervisor, and take jobs that fail
    again.

    Args:
        settings: the settings of the deployment.
        reason: what an operator is told, in ``/readyz``.
    """

    def __init__(self, settings: Settings, reason: str) -> None:
        self._reason = reason
        self._stopping = False
        self._registry = WorkerRegistry(connect(settings.redis_url, patience=2))
        count_error = BackgroundErrors(connect(settings.redis_url, patience=0)).add
        self._heartbeat = Ticker("heartbeat", HEARTBEAT_SECONDS, self._announce, count_error)

    def start(self) -> None:
        """Report the reason from now on."""
        _logger.critical("worker out of service", extra={"reason": self._reason})
        self._heartbeat.start()

    def run(self) -> None:
        """Keep a message, so that the worker receives no more of them, until it stops.

        All jobs stay queued. The reaper sees that a message is missing and sends another one,
        which reaches a worker that is in service.
        """
        _logger.warning("jobs left to other workers")
        while not self._stopping:
            time.sleep(_POLL_SECONDS)

    def interrupt(self) -> None:
        """Return from :meth:`run`."""
        self._stopping = True

    def stop(self) -> None:
        """Stop reporting."""
        self._heartbeat.stop()

    def _announce(self) -> None:
        worker = f"{socket.gethostname()}:{os.getpid()}"
        self._registry.announce_out_of_service(worker, self._reason)
