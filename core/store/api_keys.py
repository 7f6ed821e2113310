"""API keys. A key is shown once, when it is created; Redis stores only its hash.

A key has 256 random bits, so one round of SHA-256 protects it. Slow hashes are for passwords
that people choose.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from secrets import compare_digest
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict

from core.errors import InvalidSetting, RedisUnavailable
from core.jobs.job import ANONYMOUS
from core.runtime.redis import connect, needs_redis
from core.store.keys import API_KEYS
from core.store.scripts import script

if TYPE_CHECKING:
    from redis import Redis

#: The age in seconds at which a cached key is read again. A key that was revoked is
#: refused after this time at the latest.
FRESH_SECONDS = 1.0

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_KEY = re.compile(r"easel_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class ApiKey(BaseModel):
    """A stored API key."""

    model_config = ConfigDict(frozen=True)

    id: str
    #: The owner of the jobs that are posted with the key.
    name: str
    #: The SHA-256 of the whole key.
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None
    #: The limits of the key; None means the limits in the settings.
    requests_per_minute: int | None = None
    max_jobs: int | None = None
    max_stored_bytes: int | None = None
    #: Whether its jobs may have `priority=high`.
    high_priority: bool = False


def key_id(key: str) -> str | None:
    """Return the id inside a key; None if the text is not a key of Easel."""
    matched = _KEY.fullmatch(key)
    return matched and matched[1]


def digest_of(key: str) -> str:
    """Return the hash of a key that is stored in its place."""
    return sha256(key.encode()).hexdigest()


#: Compared with the digest of an unknown key, so that both comparisons take the same time.
_UNKNOWN_DIGEST = digest_of("unknown")


class KeyStore:
    """The API keys of a deployment.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._even_if_full = script(redis, "commands/even_if_full")

    @needs_redis
    def create(
        self,
        name: str,
        requests_per_minute: int | None = None,
        max_jobs: int | None = None,
        max_stored_bytes: int | None = None,
        *,
        high_priority: bool = False,
    ) -> tuple[ApiKey, str]:
        """Create a key.

        Returns:
            The stored key, and its text, which cannot be shown again.

        Raises:
            InvalidSetting: the name is invalid.
        """
        if not _NAME.fullmatch(name) or name == ANONYMOUS:
            raise InvalidSetting(
                f"{name!r} is not a valid name for a key; expected a letter followed by up to 63 "
                f"letters, digits, dots, dashes and underscores, but not {ANONYMOUS!r}"
            )
        key_number = secrets.token_hex(6)
        text = f"easel_{key_number}_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            id=key_number,
            name=name,
            digest=digest_of(text),
            created_at=datetime.now(UTC),
            requests_per_minute=requests_per_minute,
            max_jobs=max_jobs,
            max_stored_bytes=max_stored_bytes,
            high_priority=high_priority,
        )
        self._redis.hset(API_KEYS, key_number, key.model_dump_json())
        return key, text

    @needs_redis
    def all(self) -> list[ApiKey]:
        """Return all keys, oldest first, including revoked ones."""
        texts = cast(list[str], self._redis.hvals(API_KEYS))
        return sorted(map(ApiKey.model_validate_json, texts), key=lambda key: key.created_at)

    def revoke(self, which: str) -> list[ApiKey]:
        """Revoke keys.

        Args:
            which: the id of a key, or a name for all keys of that name.

        Returns:
            The keys that this call revoked.

        Raises:
            InvalidSetting: there is no such key.
        """
        matching = [key for key in self.all() if which in (key.id, key.name)]
        if not matching:
            raise InvalidSetting(f"there is no key with the id or name {which!r}; see `keys list`")
        now = datetime.now(UTC)
        valid = [key for key in matching if key.revoked_at is None]
        revoked = [key.model_copy(update={"revoked_at": now}) for key in valid]
        self._write(revoked)
        return revoked

    @needs_redis
    def _write(self, keys: list[ApiKey]) -> None:
        for key in keys:
            self._even_if_full(args=["HSET", API_KEYS, key.id, key.model_dump_json()])


def any_key_made(redis_url: str) -> bool:
    """Return whether a key was ever created on a server.

    During an outage the answer is True: every request then needs a key, so the outage admits
    no one without one.
    """
    redis = connect(redis_url, patience=2)
    try:
        return bool(KeyStore(redis).all())
    except RedisUnavailable:
        return True
    finally:
        redis.close()


class KeyRing:
    """The API keys cached in one process, so that a request needs no call to Redis.

    They are read in a thread of their own. While Redis hangs, no other call keeps this one
    waiting, and all requests share its failure.

    Args:
        keys: the store that holds the keys.
        clock: returns monotonic seconds.
    """

    def __init__(self, keys: KeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "api keys")
        self._refresh: asyncio.Future[None] | None = None
        self._read_at = float("-inf")
        self._by_id: dict[str, ApiKey] = {}

    @property
    def stale(self) -> bool:
        """Whether :meth:`refresh` is due."""
        return self._clock() - self._read_at >= FRESH_SECONDS

    def refresh(self) -> None:
        """Read the keys.

        Raises:
            RedisUnavailable: the keys cannot be read, so no caller can be authenticated.
        """
        began = self._clock()
        self._by_id = {key.id: key for key in self._keys.all()}
        self._read_at = began

    async def refresh_once(self) -> None:
        """Read the keys, or wait for a call that is reading them; see :meth:`refresh`."""
        if self._refresh is None or self._refresh.done():
            loop = asyncio.get_running_loop()
            self._refresh = loop.run_in_executor(self._thread, self.refresh)
        # Its client may disconnect, but others wait as well.
        await asyncio.shield(self._refresh)

    @property
    def any_made(self) -> bool:
        """Whether a key was ever created, including revoked ones."""
        return bool(self._by_id)

    def find(self, text: str) -> ApiKey | None:
        """Return the key, or None if it is unknown or revoked. Runs in constant time."""
        key = self._by_id.get(key_id(text) or "")
        same = compare_digest(digest_of(text), key.digest if key else _UNKNOWN_DIGEST)
        return key if key is not None and same and key.revoked_at is None else None
