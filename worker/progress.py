"""How often progress is written, and how long a run will still take."""

from __future__ import annotations

from collections.abc import Callable

#: At most four writes a second, however fast the steps are.
INTERVAL_SECONDS = 0.25


class Pace:
    """Decides when a step is worth writing, and estimates the time left.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()
        self._first: float | None = None
        self._written: float | None = None

    def due(self) -> bool:
        """Whether progress should be written now; if so, the next interval begins."""
        now = self._clock()
        if self._written is not None and now - self._written < INTERVAL_SECONDS:
            return False
        self._written = now
        return True

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._started

    def eta(self, fraction: float) -> float | None:
        """Seconds left when this part is done; None until something was.

        The first fraction told is where the run began: at nothing, or at a checkpoint.
        """
        if self._first is None:
            self._first = fraction
        done = fraction - self._first
        return self.elapsed() * (1 - fraction) / done if done > 0 else None
