"""A blob backend that stores files in a directory."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.blobs.pieces import Pieces

_INCOMING = ".incoming-"


class FileBackend:
    """A directory of files named by their digest, on a local or a shared disk.

    A file is written under a temporary name, flushed to disk, and renamed. A lock on the
    directory makes renames and removals exclude each other, so that a blob that is being
    put again is never removed because of its old age.

    Args:
        root: the directory. It is created by the first write. Only the owner can read it.
    """

    failures = (OSError,)

    def __init__(self, root: Path) -> None:
        self.name = root.as_uri()
        self._root = root

    def write(self, digest: str, pieces: Pieces) -> None:
        """Store the bytes durably."""
        path = self._path(digest)
        self._make_root()
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=_INCOMING)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            with self._locked(fcntl.LOCK_SH):
                os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync(path.parent)
        _sync(self._root)  # the subdirectory may be new

    def read(self, digest: str) -> bytes | None:
        """Return the bytes, or None if there is no such blob."""
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError:
            return None

    def open(self, digest: str) -> _OpenFile | None:
        """Open a blob. It can be read to its end even if it is removed meanwhile."""
        try:
            return _OpenFile(os.open(self._path(digest), os.O_RDONLY))
        except FileNotFoundError:
            return None

    def remove(self, digest: str, older_than: float) -> bool:
        """Remove a file of at least that age in seconds; return whether it was removed."""
        path = self._path(digest)
        try:
            with self._locked(fcntl.LOCK_EX):
                return _remove_if_older(path, older_than)
        except FileNotFoundError:
            return False

    def ages(self) -> Iterator[tuple[str, float]]:
        """Yield the name of every file, and the seconds since it was last written."""
        now = time.time()
        for path in (*self._others(), *self._files()):
            with suppress(FileNotFoundError):  # it was removed in the meantime
                if not path.name.startswith(_INCOMING):
                    yield path.name, now - path.stat().st_mtime

    def remove_strays(self, older_than: float) -> int:
        """Remove temporary files of at least that age in seconds; return their number."""
        strays = (path for path in self._files() if path.name.startswith(_INCOMING))
        return sum(_remove_if_older(path, older_than) for path in strays)

    def check(self) -> None:
        """Raise OSError unless a file could be written now."""
        self._make_root()
        with tempfile.TemporaryFile(dir=self._root) as file:
            file.write(b"?")

    def _make_root(self) -> None:
        self._root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root.mkdir(mode=0o700, exist_ok=True)

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest

    def _files(self) -> Iterator[Path]:
        """Yield all files. Unlike a glob, this raises if the directory cannot be read."""
        for path in self._entries():
            if _is_ours(path):
                for name in os.listdir(path):
                    yield path / name

    def _others(self) -> Iterator[Path]:
        """Yield what other programs put beside our directories, such as ``lost+found``."""
        return (path for path in self._entries() if not _is_ours(path))

    def _entries(self) -> list[Path]:
        try:
            return [self._root / name for name in os.listdir(self._root)]
        except FileNotFoundError:
            return []  # nothing has been written yet

    @contextmanager
    def _locked(self, operation: int) -> Iterator[None]:
        descriptor = os.open(self._root, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, operation)
            yield
        finally:
            os.close(descriptor)


class _OpenFile:
    piece_bytes = 32 * 1024

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        os.close(self._descriptor)


def _is_ours(path: Path) -> bool:
    """Return whether an entry of the root is one of the directories that hold blobs."""
    return re.fullmatch(r"[0-9a-f]{2}", path.name) is not None and path.is_dir()


def _remove_if_older(path: Path, seconds: float) -> bool:
    with suppress(FileNotFoundError):
        if time.time() - path.stat().st_mtime >= seconds:
            path.unlink()
            return True
    return False


def _sync(directory: Path) -> None:
    """Flush the directory to disk, so that a rename in it survives a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
