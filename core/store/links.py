"""Signed links: whoever has one may fetch one file of one job for a while, without a key."""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from core.errors import LinkExpired, LinkInvalid
from core.runtime.redis import needs_redis

if TYPE_CHECKING:
    from redis import Redis

_KEY = "easel:link-key"


class LinkSigner:
    """Signs paths, and checks signatures, with a key that all api processes share.

    Args:
        redis: keeps the key, made when it is first needed; a client with
            ``decode_responses=True``. Once it is deleted there, no older link holds.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def sign(self, path: str, seconds: int) -> str:
        """The path with what makes it a link that holds for so many seconds."""
        expires = int(time.time()) + seconds
        return f"{path}?expires={expires}&signature={self._signature(path, expires)}"

    def check(self, path: str, expires: int, signature: str) -> None:
        """See that a link holds.

        Raises:
            LinkInvalid: it was not made here, or was changed since.
            LinkExpired: it does not hold any more.
        """
        expected = self._signature(path, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise LinkInvalid
        if expires <= time.time():
            held = datetime.fromtimestamp(expires, UTC)
            raise LinkExpired(f"the link held until {held:%Y-%m-%d %H:%M:%SZ}; ask for a new one")

    def _signature(self, path: str, expires: int) -> str:
        text = f"{path}\n{expires}".encode()
        digest = hmac.digest(bytes.fromhex(self._key()), text, "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @needs_redis
    def _key(self) -> str:
        self._redis.set(_KEY, secrets.token_hex(32), nx=True)
        return cast(str, self._redis.get(_KEY))
