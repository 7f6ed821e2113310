"""Signed download links, and the key that signs them, stored in Redis."""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from core.errors import LinkExpired, LinkInvalid
from core.runtime.redis import needs_redis
from core.store.keys import LINK_KEY

if TYPE_CHECKING:
    from redis import Redis


class LinkSigner:
    """Signs download links and checks their signatures.

    A link gives access to one file of one job, without an API key, until it expires. All
    api processes share one signing key.

    Args:
        redis: a client with ``decode_responses=True``. It stores the signing key, which is
            generated on first use. Deleting the key invalidates all links.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def sign(self, path: str, seconds: int) -> str:
        """Return the path as a signed link that is valid for ``seconds``."""
        expires = int(time.time()) + seconds
        return f"{path}?expires={expires}&signature={self._signature(path, expires)}"

    def check(self, path: str, expires: int, signature: str) -> None:
        """Check a signed link.

        Raises:
            LinkInvalid: the signature does not match the path and the expiry time.
            LinkExpired: the link has expired.
        """
        expected = self._signature(path, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise LinkInvalid
        if expires <= time.time():
            expired = datetime.fromtimestamp(expires, UTC)
            raise LinkExpired(
                f"the link expired at {expired:%Y-%m-%d %H:%M:%SZ}; ask for a new one"
            )

    def _signature(self, path: str, expires: int) -> str:
        text = f"{path}\n{expires}".encode()
        digest = hmac.digest(bytes.fromhex(self._key()), text, "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @needs_redis
    def _key(self) -> str:
        key = self._redis.get(LINK_KEY)
        if key is None:  # write only then: a full Redis refuses it
            self._redis.set(LINK_KEY, secrets.token_hex(32), nx=True)
            key = self._redis.get(LINK_KEY)
        return cast(str, key)
