"""Ctrl-C, which Python can lose.

It becomes an exception wherever the program happens to be. In a finaliser or a
callback of a weak reference, which every import has, an exception is reported and
ignored, and the program goes on as if nobody had pressed anything.
"""

from __future__ import annotations

import signal
import sys
import threading

#: Long enough to be out of what ignored it.
_PAUSE_SECONDS = 0.05


def insist() -> None:
    """From now on, a Ctrl-C that was ignored is sent again until it is not."""
    sys.unraisablehook = _unraisable


def _unraisable(ignored: sys.UnraisableHookArgs) -> None:
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        # Only the main thread is interrupted, so it is this one; by name, because a
        # signal to the process would not wake it from waiting for a socket.
        interrupt = (threading.get_ident(), signal.SIGINT)
        again = threading.Timer(_PAUSE_SECONDS, signal.pthread_kill, interrupt)
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(ignored)
