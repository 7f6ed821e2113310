"""A blob backend in Redis: no further service, but all pictures must fit into its memory."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from core.runtime.modules import full_name
from core.runtime.redis import connect

if TYPE_CHECKING:
    from redis import Redis

_WRITTEN = "easel:blobs:written"  # sorted set: digest by the time it was last written
_PROBE = "easel:blobs:probe"


class RedisBackend:
    """One key for each blob. The server's `appendfsync` setting decides how durable writes are.

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

    def write(self, digest: str, data: bytes) -> None:
        """Store the bytes."""
        self._write(keys=[_key(digest), _WRITTEN], args=[digest, data])

    def read(self, digest: str) -> bytes | None:
        """Return the bytes, or None if there is no such blob."""
        return cast("bytes | None", self._redis.get(_key(digest)))

    def open(self, digest: str) -> _OpenKey | None:
        """Open a blob; None if there is no such blob."""
        key = _key(digest)
        if not self._redis.exists(key):
            return None
        return _OpenKey(self._redis, key)

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
    piece_bytes = 32 * 1024

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis = redis
        self._key = key
        self.size = redis.strlen(key)

    def read(self, offset: int, length: int) -> bytes:
        return cast(bytes, self._redis.getrange(self._key, offset, offset + length - 1))

    def close(self) -> None:
        """Do nothing: the connections belong to the backend."""


def _key(digest: str) -> str:
    return f"easel:blob:{digest}"
