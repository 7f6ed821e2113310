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
        again = threading.Timer(_PAUSE_SECONDS, _interrupt)
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(ignored)


def _interrupt() -> None:
    # The main thread alone hears of it, and is woken if it waits for a socket.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
