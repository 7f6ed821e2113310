"""API keys: what is kept of them, and which are found again."""

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
    """Monotonic seconds that stand still."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(keys: KeyStore, clock: Clock) -> KeyRing:
    return KeyRing(keys, clock)


def test_a_key_is_kept_as_a_hash_and_nothing_of_its_secret(keys: KeyStore, redis: Redis) -> None:
    key, text = keys.create("alice", requests_per_minute=5, max_jobs=2)
    assert key.digest == sha256(text.encode()).hexdigest()
    assert (key.name, key.requests_per_minute, key.max_jobs) == ("alice", 5, 2)
    kept = str(redis.hvals("easel:keys"))
    assert text.split("_", 2)[2] not in kept
    assert keys.all() == [key]


def test_keys_differ_though_their_name_is_the_same(keys: KeyStore) -> None:
    made = [keys.create("alice") for _ in range(20)]
    assert len({key.id for key, _ in made}) == len({text for _, text in made}) == 20


def test_a_key_is_found_and_what_is_none_is_not(keys: KeyStore, ring: KeyRing) -> None:
    alice, text = keys.create("alice")
    _, other = keys.create("bob")
    ring.refresh()
    assert ring.find(text) == alice
    swapped = f"easel_{alice.id}_{other.rpartition('_')[2]}"
    for wrong in ("", "easel", text[:-1], text + "A", text.upper(), swapped, f" {text}", "ключ"):
        assert ring.find(wrong) is None, wrong


def test_a_revoked_key_is_not_found_once_the_ring_is_fresh(
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
    assert ring.any_made, "revoking the last key opens nothing"


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
def test_a_name_is_plain_and_no_address(keys: KeyStore, name: str) -> None:
    with pytest.raises(InvalidSetting, match="is not a valid name for a key"):
        keys.create(name)
    assert keys.all() == []


def test_while_redis_is_away_nobody_is_let_in(valkey_url: str, keys: KeyStore) -> None:
    assert not any_key_made(valkey_url)
    keys.create("alice")
    assert any_key_made(valkey_url)
    nowhere = "redis://127.0.0.1:1/0"
    assert any_key_made(nowhere)
    with pytest.raises(RedisUnavailable):
        KeyRing(KeyStore(connect(nowhere, patience=0))).refresh()
