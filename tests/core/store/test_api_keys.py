"""API keys: what is stored, and which keys are valid."""

from __future__ import annotations

from hashlib import sha256

import pytest
from redis import Redis

from core.errors import InvalidSetting, RedisUnavailable
from core.runtime.redis import connect
from core.store.api_keys import FRESH_SECONDS, KeyRing, KeyStore, any_key_made


@pytest.fixture
def keys(redis: Redis) -> KeyStore:
    return KeyStore(redis)


class Clock:
    """A monotonic clock that stands still."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(keys: KeyStore, clock: Clock) -> KeyRing:
    return KeyRing(keys, clock)


def test_only_the_hash_of_a_key_is_stored(keys: KeyStore, redis: Redis) -> None:
    key, text = keys.create("alice", requests_per_minute=5, max_jobs=2)
    assert key.digest == sha256(text.encode()).hexdigest()
    assert (key.name, key.requests_per_minute, key.max_jobs) == ("alice", 5, 2)
    stored = str(redis.hvals("easel:keys"))
    assert text.split("_", 2)[2] not in stored
    assert keys.all() == [key]


def test_keys_with_the_same_name_are_different(keys: KeyStore) -> None:
    created = [keys.create("alice") for _ in range(20)]
    assert len({key.id for key, _ in created}) == len({text for _, text in created}) == 20


def test_a_valid_key_is_found_and_any_other_text_is_not(keys: KeyStore, ring: KeyRing) -> None:
    alice, text = keys.create("alice")
    _, other = keys.create("bob")
    ring.refresh()
    assert ring.find(text) == alice
    swapped = f"easel_{alice.id}_{other.rpartition('_')[2]}"
    for wrong in ("", "easel", text[:-1], text + "A", text.upper(), swapped, f" {text}", "ключ"):
        assert ring.find(wrong) is None, wrong


def test_a_revoked_key_is_refused_after_the_next_refresh(
    keys: KeyStore, ring: KeyRing, clock: Clock
) -> None:
    key, text = keys.create("alice")
    ring.refresh()
    assert [each.id for each in keys.revoke(key.id)] == [key.id]
    assert keys.revoke(key.id) == []
    assert not ring.stale
    clock.seconds += FRESH_SECONDS
    assert ring.stale
    ring.refresh()
    assert ring.find(text) is None
    assert ring.any_made, "requests still need a key"


def test_revoking_a_name_revokes_all_its_keys_and_no_others(keys: KeyStore) -> None:
    for name in ("alice", "alice", "bob"):
        keys.create(name)
    assert len(keys.revoke("alice")) == 2
    assert [key.name for key in keys.all() if key.revoked_at is None] == ["bob"]
    with pytest.raises(InvalidSetting, match="'carol'"):
        keys.revoke("carol")


@pytest.mark.parametrize(
    "name", ["", "anonymous", "1st", "a b", "a/b", "a\n", "a" * 65, "127.0.0.1", "é", "a:b"]
)
def test_an_invalid_key_name_is_refused(keys: KeyStore, name: str) -> None:
    with pytest.raises(InvalidSetting, match="is not a valid name for a key"):
        keys.create(name)
    assert keys.all() == []


def test_an_outage_of_redis_admits_no_one(valkey_url: str, keys: KeyStore) -> None:
    assert not any_key_made(valkey_url)
    keys.create("alice")
    assert any_key_made(valkey_url)
    nowhere = "redis://127.0.0.1:1/0"
    assert any_key_made(nowhere)
    with pytest.raises(RedisUnavailable):
        KeyRing(KeyStore(connect(nowhere, patience=0))).refresh()
