"""Blobs as files of a folder."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_INCOMING = ".incoming-"


class FileShelf:
    """A folder of files named by their digest, on a local or a shared disk.

    A file is written under another name, flushed to the disk, and renamed. Renames
    and removals exclude each other by a lock on the folder, so that a blob that is
    put again is never removed as an old one.
    """

    failures = (OSError,)

    def __init__(self, root: Path) -> None:
        self.name = root.as_uri()
        self._root = root

    def write(self, digest: str, data: bytes) -> None:
        """Keep the bytes durably."""
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=_INCOMING)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            with self._locked(fcntl.LOCK_SH):
                os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync(path.parent)
        _sync(self._root)  # the folder itself may be new

    def read(self, digest: str) -> bytes | None:
        """The bytes, or None."""
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError:
            return None

    def exists(self, digest: str) -> bool:
        """Whether there is such a file."""
        try:
            self._path(digest).stat()
        except FileNotFoundError:
            return False
        return True

    def remove(self, digest: str, older_than: float) -> bool:
        """Remove a file of at least that age; whether one was."""
        path = self._path(digest)
        try:
            with self._locked(fcntl.LOCK_EX):
                return _remove_if_older(path, older_than)
        except FileNotFoundError:
            return False

    def ages(self) -> Iterator[tuple[str, float]]:
        """Every blob, and the seconds since it was last written."""
        now = time.time()
        for path in self._files():
            with suppress(FileNotFoundError):  # it was removed since
                if not path.name.startswith(_INCOMING):
                    yield path.name, now - path.stat().st_mtime

    def remove_strays(self, older_than: float) -> int:
        """Remove temporary files of that age; how many."""
        strays = (path for path in self._files() if path.name.startswith(_INCOMING))
        return sum(_remove_if_older(path, older_than) for path in strays)

    def check(self) -> None:
        """Fail unless a file could be written now."""
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._root) as file:
            file.write(b"?")

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest

    def _files(self) -> Iterator[Path]:
        """All files. Unlike a glob, this says when the folder cannot be read."""
        with suppress(FileNotFoundError):  # nothing has been written yet
            for folder in os.listdir(self._root):
                for name in os.listdir(self._root / folder):
                    yield self._root / folder / name

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        descriptor = os.open(self._root, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def _remove_if_older(path: Path, seconds: float) -> bool:
    with suppress(FileNotFoundError):
        if time.time() - path.stat().st_mtime >= seconds:
            path.unlink()
            return True
    return False


def _sync(folder: Path) -> None:
    """Make a rename inside the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
