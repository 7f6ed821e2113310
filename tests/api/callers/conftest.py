"""API keys for the tests of callers."""

from __future__ import annotations

import pytest
from redis import Redis

from core.store.api_keys import KeyStore


@pytest.fixture
def keys(redis: Redis) -> KeyStore:
    return KeyStore(redis)
