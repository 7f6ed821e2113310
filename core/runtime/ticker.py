"""Something done again and again beside the main work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from core.errors import ServiceUnavailable

_logger = logging.getLogger(__name__)


class Ticker:
    """A thread that does one thing every so often, through every outage of Redis.

    Args:
        name: of the thread, and in the log.
        seconds: from the end of one turn to the start of the next.
        action: what to do.
    """

    def __init__(self, name: str, seconds: float, action: Callable[[], object]) -> None:
        self._name = name
        self._seconds = seconds
        self._action = action
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, with the first turn at once."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further turn. One that hangs on Redis is not waited for."""
        self._stopped.set()

    def join(self, seconds: float) -> None:
        """Wait so long at most for a turn that is under way."""
        self._thread.join(seconds)

    def _run(self) -> None:
        well = True
        while not self._stopped.is_set():
            try:
                self._action()
            except ServiceUnavailable as error:
                if well:  # an outage is worth one line, not one a second
                    reason = {"of": self._name, "reason": str(error)}
                    _logger.warning("turns are missed", extra=reason)
                well = False
            else:
                if not well:
                    _logger.info("turns are made again", extra={"of": self._name})
                well = True
            self._stopped.wait(self._seconds)
