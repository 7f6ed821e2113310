"""A blob backend in Redis: no further service, but all pictures must fit into its memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from core.blobs.pieces import Pieces, cut, size_of
from core.runtime.modules import full_name
from core.runtime.redis import connect

if TYPE_CHECKING:
    from redis import Redis

_WRITTEN = "easel:blobs:written"  # sorted set: digest by the time it was last written
_PROBE = "easel:blobs:probe"

#: The bytes of a field. A slow client costs memory for three.
_PIECE = 32 * 1024
#: The fields that a call reads or writes.
_BATCH = 32
#: How often an upload is tried if the server loses a part of it.
_TRIES = 3
#: The seconds after which the server removes the upload of a killed writer.
_UPLOAD_SECONDS = 3600


class RedisBackend:
    """One hash for each blob, with a field for each piece: a string has at most 512 MB.

    The server's `appendfsync` setting decides how durable writes are.

    Args:
        url: the URL of the server.
        patience: how many times a call is retried while the server is unavailable.
    """

    def __init__(self, url: str, patience: int) -> None:
        from redis.exceptions import RedisError

        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self.failures = (RedisError,)
        self._redis = connect(url, patience=patience, decode=False)
        scripts = files(full_name("core.blobs"))
        self._write = self._redis.register_script(scripts.joinpath("write.lua").read_text())
        self._remove = self._redis.register_script(scripts.joinpath("remove.lua").read_text())

    def write(self, digest: str, pieces: Pieces) -> None:
        """Store the bytes: first under another key, so that the blob is complete or absent."""
        from redis.exceptions import RedisError

        if not any(self._try_to_write(digest, pieces) for _ in range(_TRIES)):
            raise RedisError(
                f"the upload of blob {digest} was lost {_TRIES} times: it has expired, was "
                "evicted, or a failover has lost it"
            )

    def _try_to_write(self, digest: str, pieces: Pieces) -> bool:
        """Return whether the bytes are stored: False if the server has lost a part of them."""
        upload = f"easel:blobs:upload:{uuid.uuid4().hex}"
        parts = ((str(number), piece) for number, piece in enumerate(cut(pieces, _PIECE)))
        fields: dict[Any, Any] = {"size": str(size_of(pieces))}
        fields |= islice(parts, _BATCH)
        count = 0
        try:
            while fields:
                with self._redis.pipeline() as calls:
                    calls.hset(upload, mapping=fields)
                    calls.expire(upload, _UPLOAD_SECONDS)
                    calls.execute()
                count += len(fields)
                fields = dict(islice(parts, _BATCH))
            stored = bool(self._write(keys=[upload, _key(digest), _WRITTEN], args=[digest, count]))
        except BaseException:
            self._redis.unlink(upload)
            raise
        if not stored:
            self._redis.unlink(upload)
        return stored

    def read(self, digest: str) -> bytes | None:
        """Return the bytes, or None if there is no such blob."""
        blob = self.open(digest)
        if blob is None:
            return None
        at_once = _BATCH * _PIECE
        pieces = [blob.read(offset, at_once) for offset in range(0, blob.size, at_once)]
        removed = blob.size and not all(pieces)
        return None if removed else b"".join(pieces)

    def open(self, digest: str) -> _OpenKey | None:
        """Open a blob; None if there is no such blob."""
        size = self._redis.hget(_key(digest), "size")
        return None if size is None else _OpenKey(self._redis, _key(digest), int(size))

    def remove(self, digest: str, older_than: float) -> bool:
        """Remove a blob of at least that age in seconds; return whether it was removed."""
        return bool(self._remove(keys=[_key(digest), _WRITTEN], args=[digest, older_than]))

    def ages(self) -> Iterator[tuple[str, float]]:
        """Yield the digest of every blob, and its age in seconds by the server's clock."""
        seconds, microseconds = self._redis.time()
        now = seconds + microseconds / 1e6
        for digest, written in self._redis.zscan_iter(_WRITTEN, count=1000):
            yield digest.decode(), now - written

    def remove_strays(self, older_than: float) -> int:  # noqa: ARG002 - part of BlobBackend
        """Return 0: scripts are atomic, so there are no partial writes."""
        return 0

    def check(self) -> None:
        """Raise RedisError unless a key could be written now. A full server refuses."""
        self._redis.set(_PROBE, b"?", ex=60)


class _OpenKey:
    piece_bytes = _PIECE

    def __init__(self, redis: Redis, key: str, size: int) -> None:
        self._redis = redis
        self._key = key
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        first, last = offset // _PIECE, (offset + length - 1) // _PIECE
        fields = [str(number) for number in range(first, min(last, (self.size - 1) // _PIECE) + 1)]
        pieces = cast("list[bytes | None]", self._redis.hmget(self._key, fields))
        if None in pieces:
            return b""  # removed
        start = offset - first * _PIECE
        return b"".join(cast("list[bytes]", pieces))[start : start + length]

    def close(self) -> None:
        """Do nothing: the connections belong to the backend."""


def _key(digest: str) -> str:
    return f"easel:blob:{digest}"
