"""When a failed call is made again."""

from __future__ import annotations

import time

from core.errors import EaselError

FIRST_DELAY_SECONDS, _MAX_DELAY_SECONDS = 0.5, 5.0

#: The server is busy, or something between it and us does not reach it.
RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})


class Backoff:
    """Exponential delays between tries, until the patience has run out.

    Args:
        patience: for how many seconds a failing call is repeated.
    """

    def __init__(self, patience: float) -> None:
        self._deadline = time.monotonic() + patience
        self._delay = FIRST_DELAY_SECONDS

    def delay(self, error: EaselError, retry_after: str = "") -> float:
        """Return the seconds to wait before the next try.

        Args:
            error: why the last try failed.
            retry_after: the header with this name.

        Raises:
            EaselError: the error, if the next try would come after the deadline.
        """
        delay = float(retry_after) if retry_after.isdecimal() else self._delay
        if time.monotonic() + delay > self._deadline:
            raise error
        self._delay = min(self._delay * 2, _MAX_DELAY_SECONDS)
        return delay
