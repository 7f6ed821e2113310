"""The saved states of one run, from which another worker can go on."""

from __future__ import annotations

import logging
from collections.abc import Callable

from core.blobs.blobs import Blobs
from core.errors import ServiceUnavailable
from core.nst import Step

_logger = logging.getLogger(__name__)

#: Saving may take this part of the time: a large picture is saved less often.
_SHARE = 0.05


class Checkpoints:
    """Saves a run every few seconds, and removes what is no longer needed.

    Args:
        blobs: where they go.
        every_seconds: from one to the next, unless saving is slow.
        clock: monotonic seconds.
        found: the one that the run goes on from.
    """

    def __init__(
        self,
        blobs: Blobs,
        every_seconds: float,
        clock: Callable[[], float],
        found: str | None,
    ) -> None:
        self._blobs = blobs
        self._every_seconds = every_seconds
        self._clock = clock
        self._kept = {found} if found else set()
        self._due = clock() + every_seconds

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return self._clock() >= self._due

    def save(self, step: Step) -> str | None:
        """Store the run's state; give its digest, or None where that failed."""
        started = self._clock()
        try:
            digest = self._blobs.put(step.checkpoint())
        except (OSError, ServiceUnavailable) as error:
            # A run without a checkpoint is still a run.
            _logger.warning("checkpoint not saved", extra={"reason": str(error)})
            return None
        finally:
            now = self._clock()
            self._due = now + max(self._every_seconds, (now - started) / _SHARE)
        self._kept.add(digest)
        return digest

    def keep_only(self, *digests: str | None) -> None:
        """Remove all but these."""
        for digest in self._kept - set(digests):
            self._blobs.delete(digest)
            self._kept.discard(digest)
