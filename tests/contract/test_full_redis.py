"""A Redis that is full: no blob is half there, and no old one is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from core.blobs.blobs import open_blobs
from core.errors import ServiceUnavailable


@pytest.fixture
def full(redis: Redis) -> Iterator[Redis]:
    """A server that can be made full, and is given its memory back."""
    yield redis
    redis.config_set("maxmemory", 0)


def test_a_full_server_refuses_and_keeps_what_it_has(full: Redis, valkey_url: str) -> None:
    blobs = open_blobs(valkey_url, patience=0)
    kept = blobs.put(b"kept")
    full.config_set("maxmemory-policy", "noeviction")
    full.config_set("maxmemory", 1)
    for use in (lambda: blobs.put(b"refused"), blobs.check):
        with pytest.raises(ServiceUnavailable, match="maxmemory"):
            use()
    assert blobs.get(kept) == b"kept"
    assert blobs.delete(kept)  # room can be made
    full.config_set("maxmemory", 0)
    assert list(blobs.ages()) == []
    blobs.check()
