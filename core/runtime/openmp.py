"""How the threads of OpenMP wait for each other: spinning, or asleep.

PyTorch computes with a team of threads of OpenMP. Between two computations they spin, that is, they
wait without giving up their core. That is fastest as long as nothing else needs the core. Beside
other busy processes, threads spin while the one that they wait for waits for a core.

The environment variables of OpenMP decide this once, at the start of a process. GNU's libgomp,
which PyTorch brings on Linux, also goes by the number of threads: with more of them than cores, a
thread spins for 100 rounds only, in place of 300,000 ("GOMP_SPINCOUNT" in its manual). So this
module changes it in a running process, by threads that exist and do nothing.
"""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.runtime.resources import threads_left
from core.runtime.ticker import Ticker

_SECONDS = 0.25
#: How long the last change of the switch may take.
_PATIENCE_SECONDS = 30
#: Cores that other processes need of those that the threads use: from this many on, threads do not
#: spin. Below half of it they spin again.
_CONTENDED = 0.2


class Spinning:
    """Whether the threads of OpenMP spin while they wait; at first they do.

    Without libgomp, or before it is loaded, the switch has no effect. Nor has it where the threads
    that do nothing would take more than half of those that may still be started: libgomp ends the
    process if it cannot start a thread.

    Args:
        threads_left: returns how many threads may still be started.
    """

    def __init__(self, threads_left: Callable[[], float] = threads_left) -> None:
        self._threads_left = threads_left
        self._on_again = threading.Event()
        self._holder: threading.Thread | None = None

    @property
    def is_on(self) -> bool:
        """Whether waiting threads spin."""
        return self._holder is None

    def off(self) -> None:
        """Let waiting threads sleep from now on."""
        if self._holder is not None:
            return
        more_than_cores = (os.cpu_count() or 1) + 2  # the first belongs to no team
        libgomp = _libgomp()
        if libgomp is None or more_than_cores > self._threads_left() / 2:
            return
        holding, self._on_again = threading.Event(), threading.Event()
        arguments = libgomp, more_than_cores, holding, self._on_again
        holder = threading.Thread(target=_hold_idle_team, args=arguments, daemon=True)
        holder.start()
        holding.wait()
        self._holder = holder

    def on(self) -> None:
        """Let waiting threads spin from now on."""
        if self._holder is not None:
            self._on_again.set()
            self._holder.join()
            self._holder = None


def spins(spinning: bool, others: float) -> bool:
    """Return whether waiting threads should spin.

    Args:
        spinning: whether they spin now.
        others: as for :func:`considerate`.
    """
    return others < (_CONTENDED if spinning else _CONTENDED / 2)


@contextmanager
def considerate(others: Callable[[], float]) -> Iterator[None]:
    """Let waiting threads spin only while no other process needs their cores.

    Args:
        others: returns the cores that other processes keep busy, without those that this one
            leaves free.
    """
    spinning = Spinning()

    def adjust() -> None:
        if spins(spinning.is_on, others()):
            spinning.on()
        else:
            spinning.off()

    ticker = Ticker("spinning", _SECONDS, adjust, lambda _: None)  # errors are logged
    ticker.start()
    try:
        yield
    finally:
        ticker.stop()
        ticker.join(_PATIENCE_SECONDS)  # otherwise, it could switch off after the next line
        spinning.on()


def path_of_libgomp(maps: str) -> str | None:
    """Return the path of libgomp, given the text of ``/proc/PID/maps``; None if it has none."""
    found = re.search(r"/.*/libgomp[^/\s]*$", maps, re.MULTILINE)
    return found[0] if found else None


def _hold_idle_team(
    libgomp: ctypes.CDLL, threads: int, holding: threading.Event, end: threading.Event
) -> None:
    """Start a second team, which ends with this thread."""
    nothing = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)  # any function of C
    libgomp.GOMP_parallel(nothing, None, threads, 0)
    holding.set()
    end.wait()


def _libgomp() -> ctypes.CDLL | None:
    """Return the libgomp that this process has loaded."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return None
    loaded = path_of_libgomp(maps.read_text(errors="surrogateescape"))
    if loaded is None:
        return None
    libgomp = ctypes.CDLL(loaded)
    libgomp.GOMP_parallel.restype = None
    libgomp.GOMP_parallel.argtypes = [
        *(ctypes.c_void_p, ctypes.c_void_p),
        *(ctypes.c_uint, ctypes.c_uint),
    ]
    return libgomp
