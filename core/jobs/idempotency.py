"""Idempotency keys, by which a repeated request is recognised."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.jobs.job import Inputs
from core.params import StyleParams

#: How long a key is remembered.
KEY_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True)
class IdempotencyKey:
    """Identifies one request of one owner."""

    #: The digest of the owner and the key's text.
    digest: str
    #: The hash of the request; empty until the request has been read.
    request_hash: str = ""

    @classmethod
    def of(cls, owner: str, text: str) -> IdempotencyKey:
        """Return the key for a text that an owner sent."""
        digest = hashlib.blake2b(f"{len(owner)}:{owner}:{text}".encode(), digest_size=20)
        return cls(digest.hexdigest())

    def for_request(self, params: StyleParams, inputs: Inputs, **more: Any) -> IdempotencyKey:
        """Return the key with the hash of a request.

        Args:
            params: the parameters, with presets and defaults resolved.
            inputs: the pictures; the record identifies them by their content.
            more: everything else that the caller asked for, as JSON values.
        """
        parts = [params.model_dump(mode="json"), inputs.model_dump(mode="json"), more]
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return IdempotencyKey(self.digest, hashlib.blake2b(text.encode()).hexdigest()[:40])
