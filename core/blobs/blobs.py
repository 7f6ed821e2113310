"""Stored bytes, addressed by their SHA-256: one store, kept on one of three shelves.

What every store has in common is here: the hash is the address and is checked
when the bytes are read, and whatever the shelf cannot do is a 503. A shelf
(``core.blobs.file``, ``core.blobs.redis``, ``core.blobs.s3``) only moves bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from core.errors import BlobCorrupt, BlobNotFound, InvalidSetting, ServiceUnavailable


class Shelf(Protocol):
    """Where the bytes are. A blob is whole or not there, whatever is killed when."""

    @property
    def name(self) -> str:
        """How an error calls it; no password is in it."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What it raises when it is away, full or forbidden."""

    def write(self, digest: str, data: bytes) -> None:
        """Keep the bytes durably. Written again, they are as new: their age is 0."""

    def read(self, digest: str) -> bytes | None:
        """The bytes, or None."""

    def exists(self, digest: str) -> bool:
        """Whether there is such a blob."""

    def remove(self, digest: str, older_than: float) -> bool:
        """Remove a blob of at least that age in seconds; whether one was."""

    def ages(self) -> Iterator[tuple[str, float]]:
        """Every blob, and the seconds since it was last written."""

    def remove_strays(self, older_than: float) -> int:
        """Remove what writers that were killed have left; how many."""

    def check(self) -> None:
        """Fail unless a blob could be written now."""


class Blobs:
    """A store of blobs.

    Args:
        shelf: where they are.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def put(self, data: bytes, digest: str | None = None) -> str:
        """Store the bytes durably; give back their SHA-256, by which they are read.

        Bytes that are there already are written again: that mends a damaged blob,
        and makes an old one young, so that no sweep takes it.

        Args:
            data: the bytes.
            digest: their SHA-256, if the caller has computed it already.

        Raises:
            ServiceUnavailable: the store is away, full or not to be written.
        """
        digest = digest or hashlib.sha256(data).hexdigest()
        with self._outages("written"):
            self._shelf.write(digest, data)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a blob.

        Raises:
            BlobNotFound: it was never stored, or has been removed.
            BlobCorrupt: what is stored is not what was put there.
            ServiceUnavailable: the store is away.
        """
        with self._outages("read"):
            data = self._shelf.read(digest)
        if data is None:
            raise BlobNotFound(f"no blob {digest} in {self._shelf.name}")
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise BlobCorrupt(
                f"blob {digest} in {self._shelf.name} is damaged: its {len(data)} bytes "
                f"have the hash {found}; put the same bytes again to mend it"
            )
        return data

    def exists(self, digest: str) -> bool:
        """Whether there is such a blob, whole or damaged."""
        with self._outages("read"):
            return self._shelf.exists(digest)

    def delete(self, digest: str, *, older_than: float = 0.0) -> bool:
        """Remove a blob, unless it was put within so many seconds; whether one was removed."""
        with self._outages("written"):
            return self._shelf.remove(digest, older_than)

    def ages(self) -> Iterator[tuple[str, float]]:
        """The digest of every blob, and the seconds since it was last put."""
        with self._outages("read"):
            yield from self._shelf.ages()

    def delete_strays(self, *, older_than: float) -> int:
        """Remove unfinished writes of that age: their writers were killed."""
        with self._outages("written"):
            return self._shelf.remove_strays(older_than)

    def check(self) -> None:
        """Raise ServiceUnavailable unless a blob could be stored now."""
        with self._outages("written"):
            self._shelf.check()

    @contextmanager
    def _outages(self, done: str) -> Iterator[None]:
        """The one place where a store's trouble becomes an error of ours."""
        try:
            yield
        except self._shelf.failures as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ServiceUnavailable(
                f"the blob store {self._shelf.name} cannot be {done}: {reason}"
            ) from error


def open_blobs(url: str, *, s3_endpoint: str | None = None, patience: int = 2) -> Blobs:
    """The blob store of an address.

    Args:
        url: ``file:///path``, ``redis://host:port/db`` or ``s3://bucket/prefix``.
        s3_endpoint: of an S3-compatible store that is not Amazon's.
        patience: how often a call over the network is tried again.

    Raises:
        InvalidSetting: the address is none of these.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        from core.blobs.file import FileShelf

        return Blobs(FileShelf(Path(unquote(parts.path))))
    if parts.scheme in ("redis", "rediss", "unix"):
        from core.blobs.redis import RedisShelf

        return Blobs(RedisShelf(url, patience))
    if parts.scheme == "s3" and parts.netloc:
        from core.blobs.s3 import BucketShelf

        return Blobs(BucketShelf(parts.netloc, parts.path.strip("/"), s3_endpoint, patience))
    raise InvalidSetting(
        f"EASEL_BLOBS is {url!r}; expected file:///path, redis://host:port/db or s3://bucket/prefix"
    )
