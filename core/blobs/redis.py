"""Blobs in Redis: nothing more to run, for as many pictures as fit into its memory."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import cast
from urllib.parse import urlsplit

from core.runtime.redis import connect

_WRITTEN = "easel:blobs:written"  # sorted set: digest by the time it was last written
_PROBE = "easel:blobs:probe"


class RedisShelf:
    """A key for each blob. How durable a write is, the server's `appendfsync` says.

    Args:
        url: of the server.
        patience: how often a call is tried again while the server is away.
    """

    def __init__(self, url: str, patience: int) -> None:
        from redis.exceptions import RedisError

        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self.failures = (RedisError,)
        self._redis = connect(url, patience=patience, decode=False)
        scripts = files("core.blobs")
        self._write = self._redis.register_script(scripts.joinpath("write.lua").read_text())
        self._remove = self._redis.register_script(scripts.joinpath("remove.lua").read_text())

    def write(self, digest: str, data: bytes) -> None:
        """Keep the bytes."""
        self._write(keys=[_key(digest), _WRITTEN], args=[digest, data])

    def read(self, digest: str) -> bytes | None:
        """The bytes, or None."""
        return cast("bytes | None", self._redis.get(_key(digest)))

    def exists(self, digest: str) -> bool:
        """Whether there is such a key."""
        return bool(self._redis.exists(_key(digest)))

    def remove(self, digest: str, older_than: float) -> bool:
        """Remove a key of at least that age; whether one was."""
        return bool(self._remove(keys=[_key(digest), _WRITTEN], args=[digest, older_than]))

    def ages(self) -> Iterator[tuple[str, float]]:
        """Every blob, and the seconds since it was last written, by the server's clock."""
        seconds, microseconds = self._redis.time()
        now = seconds + microseconds / 1e6
        for digest, written in self._redis.zscan_iter(_WRITTEN, count=1000):
            yield digest.decode(), now - written

    def remove_strays(self, older_than: float) -> int:  # noqa: ARG002 - a Shelf has it
        """There are none: a script runs whole or not at all."""
        return 0

    def check(self) -> None:
        """Fail unless a key could be written now: a full server refuses."""
        self._redis.set(_PROBE, b"?", ex=60)


def _key(digest: str) -> str:
    return f"easel:blob:{digest}"
