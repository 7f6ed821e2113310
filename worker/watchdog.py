"""Notices that this worker takes no jobs although some wait."""

from __future__ import annotations

from collections.abc import Callable


class Watchdog:
    """A connection can look alive and bring no messages. Then only a restart helps.

    Args:
        limit_seconds: how long a worker may be idle while messages wait.
        clock: monotonic seconds.
    """

    def __init__(self, limit_seconds: float, clock: Callable[[], float]) -> None:
        self._limit_seconds = limit_seconds
        self._clock = clock
        self._taken = 0
        self._well = clock()

    def is_stuck(self, *, busy: bool, taken: int, waiting: int) -> bool:
        """Look again.

        Args:
            busy: whether the worker has a job now.
            taken: how many messages it has taken in its life.
            waiting: how many messages no worker has taken yet.
        """
        if busy or taken != self._taken or waiting == 0:
            self._well = self._clock()
        self._taken = taken
        return self._clock() - self._well > self._limit_seconds
