"""Pictures on disk, addressed by what is in them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from core.errors import BlobNotFound


class FileBlobs:
    """A folder of files named by the SHA-256 of their bytes.

    A blob is either whole or not there: it is written under another name,
    flushed to the disk, and renamed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes) -> str:
        """Store the bytes durably; give back their SHA-256, by which they are read."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if path.exists():
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".incoming-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_folder(path.parent)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a blob.

        Raises:
            BlobNotFound: it was never stored, or has been removed.
        """
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError:
            raise BlobNotFound(f"no blob {digest} under {self._root}") from None

    def delete(self, digest: str) -> None:
        """Remove a blob, if it is there."""
        self._path(digest).unlink(missing_ok=True)

    def check(self) -> None:
        """Raise OSError unless a blob could be written now."""
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._root):
            pass

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest


def _sync_folder(folder: Path) -> None:
    """Make a rename inside the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
