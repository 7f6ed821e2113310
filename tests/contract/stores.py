"""The three blob stores, with access to their bytes behind the interface."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

import obstore
from obstore.store import S3Store
from redis import Redis

from core.runtime.redis import connect


class Backdoor(Protocol):
    """Access to a store behind its interface."""

    @property
    def url(self) -> str:
        """The URL of the store."""

    @property
    def away(self) -> str:
        """The URL of an unavailable store of the same kind."""

    @property
    def endpoint(self) -> str | None:
        """The S3 server; None for other stores."""

    @property
    def no_endpoint(self) -> str | None:
        """An address without an S3 server; None for other stores."""

    def damage(self, digest: str) -> None:
        """Remove the last byte of a stored blob."""

    def backdate(self, digest: str, seconds: float) -> None:
        """Make a blob older by that many seconds."""


@dataclass
class FileBackdoor:
    root: Path
    endpoint = no_endpoint = None

    @property
    def url(self) -> str:
        return self.root.as_uri()

    @property
    def away(self) -> str:
        file = self.root.parent / "a-file"
        file.write_text("")
        return (file / "blobs").as_uri()

    def damage(self, digest: str) -> None:
        path = next(self.root.rglob(digest))
        path.write_bytes(path.read_bytes()[:-1])

    def backdate(self, digest: str, seconds: float) -> None:
        then = time.time() - seconds
        os.utime(next(self.root.rglob(digest)), (then, then))


@dataclass
class RedisBackdoor:
    redis: Redis
    url: str
    away = "redis://user:secret@127.0.0.1:1/0"
    endpoint = no_endpoint = None

    def damage(self, digest: str) -> None:
        binary = connect(self.url, patience=0, decode=False)
        key = f"easel:blob:{digest}"
        last = str(binary.hlen(key) - 2)  # beside the pieces, there is the size
        binary.hset(key, last, cast(bytes, binary.hget(key, last))[:-1])
        binary.hincrby(key, "size", -1)
        binary.close()

    def backdate(self, digest: str, seconds: float) -> None:
        self.redis.zincrby("easel:blobs:written", -seconds, digest)


@dataclass
class BucketBackdoor:
    endpoint: str
    url = "s3://pictures/easel/blobs"
    away = url
    no_endpoint = "http://127.0.0.1:1"

    def damage(self, digest: str) -> None:
        store = S3Store("pictures", endpoint=self.endpoint, client_options={"allow_http": True})
        key = f"easel/blobs/{digest}"
        obstore.put(store, key, bytes(obstore.get(store, key).bytes())[:-1])

    def backdate(self, digest: str, seconds: float) -> None:
        stored: Any = _moto_bucket().keys[f"easel/blobs/{digest}"]
        stored.last_modified = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=seconds)


def _moto_bucket() -> Any:
    from moto.s3.models import s3_backends

    return s3_backends["123456789012"]["aws"].buckets["pictures"]
