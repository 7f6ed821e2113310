"""Periodic work in a thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from core.errors import ServiceUnavailable

_logger = logging.getLogger(__name__)


class Ticker:
    """A thread that calls a function periodically, and goes on after outages of Redis.

    Args:
        name: the name of the thread, also in the log.
        seconds: the time from the end of one call to the start of the next.
        action: the function.
    """

    def __init__(self, name: str, seconds: float, action: Callable[[], object]) -> None:
        self._name = name
        self._seconds = seconds
        self._action = action
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, with the first call at once."""
        self._thread.start()

    def stop(self) -> None:
        """Make no further call. Does not wait for a call that is in progress."""
        self._stopped.set()

    def join(self, seconds: float) -> None:
        """Wait for a call that is in progress, for at most ``seconds``."""
        self._thread.join(seconds)

    def _run(self) -> None:
        healthy = True
        while not self._stopped.is_set():
            try:
                self._action()
            except ServiceUnavailable as error:
                if healthy:  # log an outage once, and not every second
                    extra = {"of": self._name, "reason": str(error)}
                    _logger.warning("periodic work interrupted by an outage", extra=extra)
                healthy = False
            else:
                if not healthy:
                    _logger.info("periodic work resumed", extra={"of": self._name})
                healthy = True
            self._stopped.wait(self._seconds)
