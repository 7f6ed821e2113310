"""Which job needs which blob, so that one job's files can go without another's.

Blobs are shared by content. A job holds the blobs that its record names from before
they are written; one that no job holds can be removed at once. Between the look and
the removal nobody can hold it again, so no upload loses its file.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from core.blobs.blobs import Blobs
from core.errors import ServiceUnavailable
from core.jobs.job import time_of
from core.runtime.redis import needs_redis
from core.store.keys import HELD, LEAVING_PREFIX
from core.store.scripts import script

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: After so long a blob that is being removed can be held again: its remover was killed.
_LEAVING_SECONDS = 10.0

_ASK_AGAIN_SECONDS = 0.02


class Holds:
    """Says which job needs which blob.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._hold = script(redis, "lib/held", "holds/hold")
        self._unheld = script(redis, "holds/unheld")
        self._leave = script(redis, "holds/leave")

    def hold(self, job_id: str, digests: Iterable[str]) -> None:
        """Say that a job will need these blobs, before they are written.

        Raises:
            ServiceUnavailable: one of them is being removed, and that takes too long.
        """
        deadline = time.monotonic() + _LEAVING_SECONDS + 1
        needed = [job_id, *digests]
        while self._try_hold(needed):
            if time.monotonic() > deadline:
                raise ServiceUnavailable("a picture of the job is just being removed; try again")
            time.sleep(_ASK_AGAIN_SECONDS)

    def release(self, blobs: Blobs, digests: Iterable[str], *, job_id: str = "") -> None:
        """Remove those blobs that no job holds.

        Args:
            blobs: has them. What it cannot remove now, a sweep will.
            digests: of the blobs.
            job_id: a job that holds them no more.
        """
        wanted = sorted(set(digests))
        asked = time.monotonic()
        unheld = self._look(job_id, wanted) if wanted else []
        try:
            for digest in unheld:
                # What was written since then is somebody else's.
                blobs.delete(digest, older_than=max(0.0, time.monotonic() - asked - 1))
        except ServiceUnavailable as error:
            _logger.warning("left to the next sweep", extra={"reason": str(error)})
        finally:
            self._forget_leaving(unheld)

    def remove(
        self, blobs: Blobs, digest: str, *, older_than: float, ended: frozenset[str]
    ) -> bool:
        """Remove a blob that no record needs, unless a job has come to hold it; whether it was.

        Args:
            blobs: has it.
            digest: of the blob.
            older_than: its least age in seconds.
            ended: the jobs that hold it in vain: they write nothing any more.
        """
        holders = self._begin_to_leave(digest)
        try:
            return ended.issuperset(holders) and blobs.delete(digest, older_than=older_than)
        finally:
            self._forget_leaving([digest])

    @needs_redis
    def prune(self, known: frozenset[str], *, made_before: float) -> None:
        """Forget what is held by jobs that never came to be, because their api was killed.

        Args:
            known: the jobs that have a record.
            made_before: the seconds since 1970 before which their ids were made.
        """
        for entry, _ in self._redis.zscan_iter(HELD, count=1000):
            job_id = entry.partition(":")[2]
            if job_id not in known and time_of(job_id) < made_before:
                self._redis.zrem(HELD, entry)

    @needs_redis
    def _try_hold(self, needed: list[str]) -> int:
        return cast(int, self._hold(keys=[HELD], args=needed))

    @needs_redis
    def _look(self, job_id: str, digests: list[str]) -> list[str]:
        milliseconds = int(_LEAVING_SECONDS * 1000)
        return cast(list[str], self._unheld(keys=[HELD], args=[milliseconds, job_id, *digests]))

    @needs_redis
    def _begin_to_leave(self, digest: str) -> list[str]:
        milliseconds = int(_LEAVING_SECONDS * 1000)
        return cast(list[str], self._leave(keys=[HELD], args=[milliseconds, digest]))

    @needs_redis
    def _forget_leaving(self, digests: list[str]) -> None:
        if digests:
            self._redis.delete(*(LEAVING_PREFIX + digest for digest in digests))
