"""The keys as an api process holds them, so that a request need not ask Redis for its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from secrets import compare_digest

from core.store.api_keys import ApiKey, KeyStore, digest_of, key_id

#: After so long the keys are read anew: a revoked one is refused from then on.
FRESH_SECONDS = 1.0

#: Compared with a key that is not there, so that it takes as long as one that is.
_NOBODY = digest_of("nobody")


class KeyRing:
    """Finds the key that a request was sent with. Threads may share it.

    Args:
        keys: where they are kept.
        clock: monotonic seconds.
    """

    def __init__(self, keys: KeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._by_id: dict[str, ApiKey] = {}

    @property
    def stale(self) -> bool:
        """Whether to call :meth:`refresh` first."""
        return self._clock() - self._read_at >= FRESH_SECONDS

    def refresh(self) -> None:
        """Read the keys, if nobody else did in the meantime.

        Raises:
            RedisUnavailable: it cannot be said who may come in, so nobody may.
        """
        with self._lock:
            if self.stale:
                began = self._clock()
                self._by_id = {key.id: key for key in self._keys.all()}
                self._read_at = began

    @property
    def any_made(self) -> bool:
        """Whether a key was ever made; it may be revoked by now."""
        return bool(self._by_id)

    def find(self, text: str) -> ApiKey | None:
        """The key, if it is one of ours and not revoked. Takes as long whether it is or not."""
        key = self._by_id.get(key_id(text) or "")
        same = compare_digest(digest_of(text), key.digest if key else _NOBODY)
        return key if key is not None and same and key.revoked_at is None else None
