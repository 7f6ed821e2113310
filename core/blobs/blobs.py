"""The blob store, which keeps binary data addressed by its SHA-256.

This module has what all backends share: it computes and checks the digests, and
turns failures of the backend into ServiceUnavailable. The backends only move bytes:
``core.blobs.file``, ``core.blobs.redis`` and ``core.blobs.s3``.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from core.blobs.pieces import Pieces
from core.blobs.reader import BlobReader, StoredBlob
from core.errors import BlobCorrupt, BlobNotFound, InvalidSetting, ServiceUnavailable

_logger = logging.getLogger(__name__)

_DIGEST = re.compile(r"[0-9a-f]{64}")


class BlobBackend(Protocol):
    """Storage for blobs. Writes are atomic: a blob is complete or absent at any time."""

    @property
    def name(self) -> str:
        """The URL of the storage without credentials, for error messages."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """The exceptions raised when the storage is unavailable, full or not permitted."""

    def write(self, digest: str, pieces: Pieces) -> None:
        """Store the bytes durably. Writing a blob again resets its age to 0."""

    def read(self, digest: str) -> bytes | None:
        """Return the bytes, or None if there is no such blob."""

    def open(self, digest: str) -> StoredBlob | None:
        """Open a blob to read it in pieces. Returns None if there is no such blob."""

    def remove(self, digest: str, older_than: float) -> bool:
        """Remove a blob if its age in seconds is at least ``older_than``; return whether it was."""

    def ages(self) -> Iterator[tuple[str, float]]:
        """Yield the name of every file, and the seconds since it was last written.

        The name of a blob is its digest. Other programs may have stored other files.
        """

    def remove_strays(self, older_than: float) -> int:
        """Remove partial writes of at least that age in seconds; return their number."""

    def check(self) -> None:
        """Raise one of ``failures`` unless a blob could be written now."""


class Blobs:
    """A blob store.

    Args:
        backend: stores the bytes.
    """

    def __init__(self, backend: BlobBackend) -> None:
        self._backend = backend

    def put(self, data: bytes, digest: str | None = None) -> str:
        """Store the bytes durably, and return their SHA-256, the key to read them.

        A blob that exists already is written again. This repairs a damaged blob, and resets
        the age, so that a concurrent sweep does not remove the blob.

        Args:
            data: the bytes.
            digest: their SHA-256, if the caller has computed it already.

        Raises:
            ServiceUnavailable: the store is unavailable, full or read-only.
        """
        return self.put_pieces([data], digest)

    def put_pieces(self, pieces: Pieces, digest: str | None = None) -> str:
        """Store bytes that are in several pieces, as :meth:`put` does, without joining them."""
        if digest is None:
            hashed = hashlib.sha256()
            for piece in pieces:
                hashed.update(piece)
            digest = hashed.hexdigest()
        with self._outages("written"):
            self._backend.write(digest, pieces)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of a blob.

        Raises:
            BlobNotFound: the blob was never stored, or was removed.
            BlobCorrupt: the stored bytes do not have this digest.
            ServiceUnavailable: the store is unavailable.
        """
        with self._outages("read"):
            data = self._backend.read(digest)
        if data is None:
            raise self._not_found(digest)
        self._check_digest(digest, hashlib.sha256(data).hexdigest(), len(data))
        return data

    def open(self, digest: str) -> BlobReader:
        """Open a blob to read it in pieces. All of it is read once here, to check its digest.

        Raises:
            BlobNotFound: the blob was never stored, or was removed.
            BlobCorrupt: the stored bytes do not have this digest.
            ServiceUnavailable: the store is unavailable.
        """
        with self._outages("read"):
            stored = self._backend.open(digest)
        if stored is None:
            raise self._not_found(digest)
        reader = BlobReader(stored, self._outages)
        try:
            self._check_digest(digest, reader.digest(), reader.size)
        except BaseException:
            reader.close()
            raise
        return reader

    def delete(self, digest: str, *, older_than: float = 0.0) -> bool:
        """Remove a blob, unless it was put less than ``older_than`` seconds ago.

        Returns:
            Whether a blob was removed.
        """
        with self._outages("written"):
            return self._backend.remove(digest, older_than)

    def ages(self) -> Iterator[tuple[str, float]]:
        """Yield the digest of every blob, and the seconds since it was last put.

        What has another name was stored by another program. It is logged and left alone.
        """
        strangers = []
        with self._outages("read"):
            for name, age in self._backend.ages():
                if _DIGEST.fullmatch(name):
                    yield name, age
                else:
                    strangers.append(name)
        if strangers:
            _logger.warning(
                "the blob store has files that are no blobs; they are left alone",
                extra={"store": self._backend.name, "files": len(strangers), "some": strangers[:5]},
            )

    def delete_strays(self, *, older_than: float) -> int:
        """Remove the partial writes of killed writers.

        Args:
            older_than: the least age, in seconds.

        Returns:
            The number of partial writes removed.
        """
        with self._outages("written"):
            return self._backend.remove_strays(older_than)

    def check(self) -> None:
        """Raise ServiceUnavailable unless a blob could be stored now."""
        with self._outages("written"):
            self._backend.check()

    def _not_found(self, digest: str) -> BlobNotFound:
        return BlobNotFound(f"no blob {digest} in {self._backend.name}")

    def _check_digest(self, digest: str, actual: str, size: int) -> None:
        if actual != digest:
            raise BlobCorrupt(
                f"blob {digest} in {self._backend.name} is damaged: its {size} bytes "
                f"have the hash {actual}; store the original bytes again to repair it"
            )

    @contextmanager
    def _outages(self, operation: str) -> Iterator[None]:
        try:
            yield
        except self._backend.failures as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ServiceUnavailable(
                f"the blob store {self._backend.name} cannot be {operation}: {reason}"
            ) from error


def open_blobs(url: str, *, s3_endpoint: str | None = None, patience: int = 2) -> Blobs:
    """Open the blob store at a URL.

    Args:
        url: ``file:///path``, ``redis://host:port/db`` or ``s3://bucket/prefix``.
        s3_endpoint: the endpoint of an S3-compatible store; None for Amazon S3.
        patience: how many times a failed network call is retried.

    Raises:
        InvalidSetting: the URL has none of these forms.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        from core.blobs.file import FileBackend

        return Blobs(FileBackend(Path(unquote(parts.path))))
    if parts.scheme in ("redis", "rediss", "unix"):
        from core.blobs.redis import RedisBackend

        return Blobs(RedisBackend(url, patience))
    if parts.scheme == "s3" and parts.netloc:
        from core.blobs.s3 import S3Backend

        return Blobs(S3Backend(parts.netloc, parts.path.strip("/"), s3_endpoint, patience))
    raise InvalidSetting(
        f"EASEL_BLOBS is {url!r}; expected file:///path, redis://host:port/db or s3://bucket/prefix"
    )
