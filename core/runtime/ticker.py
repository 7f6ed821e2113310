"""Periodic work in a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from core.errors import ServiceUnavailable

_logger = logging.getLogger(__name__)


class Ticker:
    """A thread that calls a function periodically. No exception of the function ends it.

    Args:
        name: the name of the thread, also in the log.
        seconds: the time from the end of one call to the start of the next.
        action: the function.
        count_error: called with the name after each unexpected exception. It may raise
            ServiceUnavailable.
        patience_seconds: how long no call may succeed before :meth:`problem` reports it.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        action: Callable[[], object],
        count_error: Callable[[str], object],
        *,
        patience_seconds: float = 300,
    ) -> None:
        self._name = name
        self._seconds = seconds
        self._action = action
        self._count_error = count_error
        self._patience_seconds = patience_seconds
        self._succeeded_at = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, with the first call at once."""
        self._succeeded_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Make no further call. Does not wait for a call that is in progress."""
        self._stopped.set()

    def join(self, seconds: float) -> None:
        """Wait for a call that is in progress, for at most ``seconds``."""
        self._thread.join(seconds)

    def problem(self) -> str | None:
        """Return a message for the operator if no call has succeeded for too long."""
        seconds = time.monotonic() - self._succeeded_at
        if seconds <= self._patience_seconds:
            return None
        return (
            f"the {self._name} of this process has not succeeded for {seconds:.0f} s; "
            "expected less than "
            f"{self._patience_seconds:.0f} s; see its errors in the log, or restart the process"
        )

    def _run(self) -> None:
        problem: type[Exception] | None = None
        while not self._stopped.is_set():
            try:
                self._action()
            except ServiceUnavailable as error:
                if type(error) is not problem:  # log an outage once, and not every second
                    extra = {"of": self._name, "reason": str(error)}
                    _logger.warning("periodic work interrupted by an outage", extra=extra)
                problem = type(error)
            except Exception as error:
                # Nothing would start the thread again.
                if type(error) is not problem:
                    _logger.exception("periodic work failed", extra={"of": self._name})
                problem = type(error)
                self._count()
            else:
                if problem is not None:
                    _logger.info("periodic work resumed", extra={"of": self._name})
                problem = None
                self._succeeded_at = time.monotonic()
            self._stopped.wait(self._seconds)

    def _count(self) -> None:
        try:
            self._count_error(self._name)
        except ServiceUnavailable as outage:
            extra = {"of": self._name, "reason": str(outage)}
            _logger.warning("error of periodic work not counted", extra=extra)
