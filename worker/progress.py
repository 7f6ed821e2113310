"""How often progress is written, how far a run has come, and how long it will still take."""

from __future__ import annotations

from collections.abc import Callable

#: At most four writes a second, however fast the steps are.
INTERVAL_SECONDS = 0.25

#: So much of the work must be done at a scale before its own pace is trusted.
_TELLING = 0.01


class Pace:
    """Decides when a step is worth writing, and estimates the time left.

    What comes before the first step, and the preparation of each scale, is not
    extrapolated; and the pace of the scale at hand counts, because what is left is
    at this scale and larger ones.

    Args:
        clock: monotonic seconds.
        told: the fraction that an earlier attempt has told of.
    """

    def __init__(self, clock: Callable[[], float], told: float = 0.0) -> None:
        self._clock = clock
        self._told = told
        self._started = clock()
        self._written: float | None = None
        self._first: float | None = None
        self._scale: int | None = None
        self._since = (0.0, 0.0)  # the time and the fraction at which the scale was first seen
        self._seconds: float | None = None  # what the whole work would take at the last pace

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

    def told(self, done: float) -> float:
        """The fraction to tell of when this part is done; it never falls.

        An attempt that goes on behind what was told, because the last checkpoint is
        older, or begins anew, has more to do for the rest of the way: then a part of
        the work moves the fraction less.
        """
        if self._first is None:
            self._first = done
        begin = max(self._told, self._first)
        if self._first >= 1:
            return begin
        return begin + (1 - begin) * (done - self._first) / (1 - self._first)

    def eta(self, scale: int, done: float) -> float | None:
        """Seconds left when this part is done; None until there is a pace.

        Args:
            scale: the number of the scale at hand.
            done: the part of the whole work that is done, 0 to 1.
        """
        now = self._clock()
        if scale != self._scale:
            self._scale, self._since = scale, (now, done)
        seconds, part = now - self._since[0], done - self._since[1]
        if part > 0 and (part >= _TELLING or self._seconds is None):
            self._seconds = seconds / part
        return None if self._seconds is None else self._seconds * (1 - done)
