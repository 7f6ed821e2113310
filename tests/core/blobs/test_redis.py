"""Blobs in a real Valkey that loses a part of an upload, or a reply."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files

import pytest
from redis import Redis

from core.blobs.blobs import open_blobs
from core.errors import ServiceUnavailable

UPLOADS = "easel:blobs:upload:*"
DATA = bytes(2_000_000)
DIGEST = hashlib.sha256(DATA).hexdigest()


class LostUpload(list[bytes]):
    """Pieces. After the first calls of each upload, its key is deleted, a number of times."""

    def __init__(self, redis: Redis, times: int) -> None:
        super().__init__([DATA, b""])
        self.redis = redis
        self.times = times

    def __iter__(self) -> Iterator[bytes]:
        yield from super().__iter__()
        for key in self.redis.scan_iter(UPLOADS):
            if self.times:
                self.times -= 1
                self.redis.delete(key)


def test_an_upload_that_was_lost_is_sent_again(redis: Redis, valkey_url: str) -> None:
    blobs, pieces = open_blobs(valkey_url), LostUpload(redis, times=2)
    assert blobs.put_pieces(pieces, DIGEST) == DIGEST
    assert pieces.times == 0
    assert blobs.get(DIGEST) == DATA
    assert list(redis.scan_iter(UPLOADS)) == []


def test_an_upload_that_is_lost_every_time_is_an_outage(redis: Redis, valkey_url: str) -> None:
    blobs = open_blobs(valkey_url)
    with pytest.raises(ServiceUnavailable, match="was lost 3 times"):
        blobs.put_pieces(LostUpload(redis, times=3), DIGEST)
    assert list(redis.scan_iter(UPLOADS)) == []


def test_a_write_whose_reply_was_lost_may_be_sent_again(redis: Redis) -> None:
    write = redis.register_script(files("core.blobs").joinpath("write.lua").read_text())
    redis.hset("upload", mapping={"size": "1", "0": "x"})
    for _ in range(2):
        assert write(keys=["upload", "blob", "written"], args=["digest", 2]) == 1
    assert redis.hlen("blob") == 2
    assert write(keys=["another upload", "another blob", "written"], args=["digest", 2]) == 0
