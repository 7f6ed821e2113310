"""The signals that a worker is told to stop by."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any


def heed_once(number: signal.Signals) -> None:
    """Have the handler of a signal called the first time only.

    Celery's handler takes locks. A second signal that comes while the handler runs would
    call it inside itself, and the worker would wait for ever for a lock that it has.

    Args:
        number: the signal, which has a handler by now.
    """
    handler = signal.getsignal(number)
    if callable(handler) and not isinstance(handler, _Once):
        signal.signal(number, _Once(handler))


class _Once:
    def __init__(self, handler: Callable[[int, FrameType | None], Any]) -> None:
        self._handler = handler
        self._heeded = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self._heeded:
            self._heeded = True
            self._handler(number, frame)
