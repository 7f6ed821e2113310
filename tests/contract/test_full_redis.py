"""A full Redis stores no partial blob and loses none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from core.blobs.blobs import open_blobs
from core.errors import ServiceUnavailable


@pytest.fixture
def full(redis: Redis) -> Iterator[Redis]:
    """A server whose memory limit is reset after the test."""
    yield redis
    redis.config_set("maxmemory", 0)


def test_a_full_server_refuses_writes_and_keeps_its_blobs(full: Redis, valkey_url: str) -> None:
    blobs = open_blobs(valkey_url, patience=0)
    stored = blobs.put(b"stored")
    full.config_set("maxmemory-policy", "noeviction")
    full.config_set("maxmemory", 1)
    for use in (lambda: blobs.put(b"refused"), blobs.check):
        with pytest.raises(ServiceUnavailable, match="maxmemory"):
            use()
    assert blobs.get(stored) == b"stored"
    assert blobs.delete(stored)  # deleting works
    full.config_set("maxmemory", 0)
    assert full.keys("easel:blob*") == []
    assert list(blobs.ages()) == []
    blobs.check()
