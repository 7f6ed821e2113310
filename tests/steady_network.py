"""Keeps tests that add network interfaces apart from tests with a browser.

A browser drops its requests when the machine gets or loses an address (``ERR_NETWORK_CHANGED``).
Tests run in several processes, so the two exclude each other by a lock on a file.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = Path(tempfile.gettempdir()) / f"easel-tests-network-{os.getuid()}.lock"


@contextmanager
def steady_network() -> Iterator[None]:
    """Wait until no test changes this machine's interfaces, and let none do so meanwhile."""
    with _locked(fcntl.LOCK_SH):
        yield


@contextmanager
def changing_network() -> Iterator[None]:
    """Wait until no test needs a steady network, and let none begin meanwhile."""
    with _locked(fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(operation: int) -> Iterator[None]:
    with _LOCK.open("w") as file:
        fcntl.flock(file, operation)
        yield
