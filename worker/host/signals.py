"""Reactions to signals that do not wait for the main thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable


def on_signal(number: signal.Signals, action: Callable[[], None]) -> None:
    """Call an action in a thread of its own at every signal.

    Python runs a handler in the main thread, between two of its instructions. A backward pass is
    one instruction, and takes seconds for a large picture. Call this before other threads start,
    since they inherit that the signal is blocked.

    Args:
        number: the signal.
        action: what to do. It must return before it can be called again.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})

    def wait() -> None:
        while True:
            signal.sigwait({number})
            action()

    threading.Thread(target=wait, name=f"on {number.name}", daemon=True).start()
