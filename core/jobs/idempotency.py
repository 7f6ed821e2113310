"""A word of the caller's by which a request that is sent again is known."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.jobs.job import Inputs
from core.params import StyleParams

#: For how long a key counts.
KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class IdempotencyKey:
    """Stands for one request of one owner."""

    #: Identifies the owner and the word.
    digest: str
    #: A hash of the request; empty as long as it has not been read.
    request: str = ""

    @classmethod
    def of(cls, owner: str, word: str) -> IdempotencyKey:
        """The key of an owner's word, which is as good as any other's."""
        digest = hashlib.blake2b(f"{len(owner)}:{owner}:{word}".encode(), digest_size=20)
        return cls(digest.hexdigest())

    def for_request(self, params: StyleParams, inputs: Inputs, **more: Any) -> IdempotencyKey:
        """The key of that request.

        Args:
            params: as resolved.
            inputs: as the record has them; they name the pictures by their bytes.
            more: whatever else the caller asked for, as JSON has it.
        """
        parts = [params.model_dump(mode="json"), inputs.model_dump(mode="json"), more]
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return IdempotencyKey(self.digest, hashlib.blake2b(text.encode()).hexdigest()[:40])
