"""Says every few seconds that this worker is alive."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from core.errors import ServiceUnavailable
from core.workers import HEARTBEAT_SECONDS, WorkerInfo, WorkerRegistry

_logger = logging.getLogger(__name__)


class Heartbeat:
    """A thread that announces the worker until it is stopped.

    Args:
        registry: where to say it.
        describe: what to say, asked anew each time.
    """

    def __init__(self, registry: WorkerRegistry, describe: Callable[[], WorkerInfo]) -> None:
        self._registry = registry
        self._describe = describe
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to announce."""
        self._thread.start()

    def stop(self) -> None:
        """Say that the worker has stopped, and fall silent."""
        self._stopped.set()
        self._thread.join()
        try:
            self._registry.withdraw(self._describe())
        except ServiceUnavailable:
            _logger.warning("could not sign off; the worker will be forgotten by itself")

    def _beat(self) -> None:
        while True:
            try:
                self._registry.announce(self._describe())
            except ServiceUnavailable as error:
                _logger.warning("heartbeat missed", extra={"reason": str(error)})
            if self._stopped.wait(HEARTBEAT_SECONDS):
                return
