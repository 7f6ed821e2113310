"""How fast something goes of late."""

from __future__ import annotations

from collections.abc import Callable


class Meter:
    """The rate of a count, from one look at it to the next.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen = 0
        self._at = clock()

    def rate(self, count: int) -> float:
        """How much the count has grown a second since the last look."""
        now = self._clock()
        rate = (count - self._seen) / (now - self._at) if now > self._at else 0.0
        self._seen, self._at = count, now
        return round(rate, 3)
