"""An open blob, which is read in pieces, so that it is never in memory as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from core.errors import BlobNotFound

#: The pieces that are hashed at a time, to make fewer requests of a remote store.
_HASHED_PIECES = 4


class StoredBlob(Protocol):
    """An open blob of a backend. Any thread may read it, one at a time."""

    #: The bytes of a piece: a slow client costs memory for three, and a remote store takes a
    #: request for each.
    piece_bytes: int

    @property
    def size(self) -> int:
        """The bytes of the blob."""

    def read(self, offset: int, length: int) -> bytes:
        """Return at most ``length`` bytes from an offset on; none if the blob was removed."""

    def close(self) -> None:
        """Release what the backend holds for the blob."""


class BlobReader:
    """Reads an open blob in pieces.

    Args:
        stored: the open blob.
        outages: a context that turns the failures of the backend into ServiceUnavailable.
    """

    def __init__(
        self, stored: StoredBlob, outages: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        self._stored = stored
        self._outages = outages

    @property
    def size(self) -> int:
        """The bytes of the blob."""
        return self._stored.size

    def digest(self) -> str:
        """Read all of the blob, and return the SHA-256 of its bytes."""
        hashed = hashlib.sha256()
        for piece in self._read(slice(0, self.size), _HASHED_PIECES * self._stored.piece_bytes):
            hashed.update(piece)
        return hashed.hexdigest()

    def pieces(self, part: slice | None = None) -> Iterator[bytes]:
        """Yield all bytes, or a part, a piece at a time. Each is read when it is asked for.

        Args:
            part: the first byte, and the one after the last.

        Raises:
            BlobNotFound: the blob was removed meanwhile. A file can be read to its end.
            ServiceUnavailable: the store is unavailable.
        """
        return self._read(part or slice(0, self.size), self._stored.piece_bytes)

    def close(self) -> None:
        """Close the blob."""
        self._stored.close()

    def _read(self, part: slice, length: int) -> Iterator[bytes]:
        for offset in range(part.start, part.stop, length):
            wanted = min(length, part.stop - offset)
            with self._outages("read"):
                piece = self._stored.read(offset, wanted)
            if len(piece) < wanted:
                raise BlobNotFound(
                    f"a blob of {self.size} bytes was removed when {offset} of them were read"
                )
            yield piece
