"""The number of jobs that run on this host: of all processes of a user, Easel's service or not."""

from __future__ import annotations

import os
from pathlib import Path

#: More jobs at a time are counted as this many.
_SLOTS = 256


class Slots:
    """A file of which each running job locks one byte. The locks of a dead process are gone.

    A process may run one job at a time, and must use one object for a file: closing any other
    handle of the file would release its lock (POSIX).

    Args:
        file: is created if it does not exist; its folder must exist. Processes that use the same
            file count each other.

    Raises:
        OSError: the file cannot be created.
    """

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        #: The byte of this process's job.
        self._own: int | None = None

    def take(self) -> None:
        """Count a job of this process from now on."""
        self._own = next((slot for slot in range(_SLOTS) if self._lock(slot, shared=False)), None)

    def release(self) -> None:
        """Count the job no more."""
        if self._own is not None:
            self._unlock(self._own)
            self._own = None

    def count(self) -> int:
        """Return the number of running jobs, that of this process included."""
        own = int(self._own is not None)
        return own + sum(self._is_taken(slot) for slot in range(_SLOTS) if slot != self._own)

    def close(self) -> None:
        """Release the job and close the file."""
        os.close(self._descriptor)

    def _is_taken(self, slot: int) -> bool:
        # Shared locks do not exclude each other, so two processes can count at a time.
        if self._lock(slot, shared=True):
            self._unlock(slot)
            return False
        return True

    def _lock(self, slot: int, *, shared: bool) -> bool:
        import fcntl  # not on Windows, where the commands run without counting jobs

        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.lockf(self._descriptor, kind | fcntl.LOCK_NB, 1, slot)
        except (BlockingIOError, PermissionError):  # POSIX allows either
            return False
        return True

    def _unlock(self, slot: int) -> None:
        import fcntl

        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, slot)
