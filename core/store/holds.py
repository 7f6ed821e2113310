"""Holds: which job needs which blob.

Blobs are shared by content. A job holds the blobs that its record names, from before they are
written. A blob that no job holds can be removed at once. No job can begin to hold a blob
between the check and its removal, and one process at a time removes it, so no upload loses
its file.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from core.blobs.blobs import Blobs
from core.errors import ServiceUnavailable
from core.jobs.job import time_of
from core.runtime.redis import needs_redis
from core.store.keys import HELD, STORED
from core.store.scripts import script

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: How long a removal blocks holds: after that its process was probably killed.
_REMOVAL_SECONDS = 10.0
_REMOVAL_MILLISECONDS = int(_REMOVAL_SECONDS * 1000)

_RETRY_SECONDS = 0.02


class Holds:
    """Records which job holds which blob, and removes blobs that no job holds.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._hold = script(redis, "holds/hold")
        self._release = script(redis, "holds/release")
        self._begin_removal = script(redis, "holds/begin_removal")
        self._end_removal = script(redis, "holds/end_removal")
        self._free = script(redis, "holds/free")

    def hold(self, job_id: str, digests: Iterable[str]) -> None:
        """Hold blobs for a job, before they are written.

        Raises:
            ServiceUnavailable: one of them is being removed, and that takes too long.
        """
        deadline = time.monotonic() + _REMOVAL_SECONDS + 1
        needed = [job_id, *digests]
        while self._try_hold(needed):
            if time.monotonic() > deadline:
                raise ServiceUnavailable("a picture of the job is being removed; try again")
            time.sleep(_RETRY_SECONDS)

    def release(self, blobs: Blobs, digests: Iterable[str], *, job_id: str = "") -> None:
        """Remove the blobs that no job holds.

        Args:
            blobs: the blob store. What it cannot remove now is left to the cleaner.
            digests: the digests of the blobs.
            job_id: a job that no longer holds them.
        """
        candidates = sorted(set(digests))
        asked_at = time.monotonic()
        token = _new_token()
        unheld = self._release_digests(token, job_id, candidates) if candidates else []
        try:
            for digest in unheld:
                seconds = time.monotonic() - asked_at
                if seconds > _REMOVAL_SECONDS / 2:  # a job could hold the blob before it is gone
                    raise ServiceUnavailable(f"removing blobs takes too long: {seconds:.0f} s")
                # A blob that was written since then belongs to another job.
                blobs.delete(digest, older_than=max(0.0, seconds - 1))
        except ServiceUnavailable as error:
            _logger.warning("blobs left to the cleaner", extra={"reason": str(error)})
        finally:
            self._finish_removal(token, unheld)

    def remove(
        self, blobs: Blobs, digest: str, *, older_than: float, ended: frozenset[str]
    ) -> bool:
        """Remove a blob that no record needs, unless an unfinished job holds it.

        Args:
            blobs: the blob store.
            digest: the digest of the blob.
            older_than: the minimum age of the blob in seconds.
            ended: the jobs whose holds do not count, because they write nothing any more.

        Returns:
            Whether the blob was removed; False too if another process is removing it.
        """
        token = _new_token()
        holders = self._holders_at_removal(token, digest)
        if holders is None:
            return False
        try:
            return ended.issuperset(holders) and blobs.delete(digest, older_than=older_than)
        finally:
            self._finish_removal(token, [digest])

    @needs_redis
    def prune(self, known: frozenset[str], *, made_before: float) -> None:
        """Remove the holds of jobs that were never created because their api was killed.

        Args:
            known: the jobs that have a record.
            made_before: only jobs whose id was generated before this time, in seconds since 1970.
        """
        for entry, _ in self._redis.zscan_iter(HELD, count=1000):
            job_id = entry.partition(":")[2]
            if job_id not in known and time_of(job_id) < made_before:
                self._redis.zrem(HELD, entry)

    @needs_redis
    def free(self, known: frozenset[str], expired: frozenset[str], *, made_before: float) -> None:
        """Count the files of jobs as removed, so that their callers may store others.

        Args:
            known: the jobs that have a record.
            expired: the jobs whose files have expired.
            made_before: a job without a record counts only if its id was generated before this
                time, in seconds since 1970.
        """
        for entry, _ in self._redis.hscan_iter(STORED, count=1000):
            job_id = entry.partition(":")[0]
            if job_id in expired or (job_id not in known and time_of(job_id) < made_before):
                self._free(args=[entry])

    @needs_redis
    def _try_hold(self, needed: list[str]) -> int:
        return cast(int, self._hold(args=needed))

    @needs_redis
    def _release_digests(self, token: str, job_id: str, digests: list[str]) -> list[str]:
        args: list[str | int] = [_REMOVAL_MILLISECONDS, token, job_id, *digests]
        return cast(list[str], self._release(args=args))

    @needs_redis
    def _holders_at_removal(self, token: str, digest: str) -> list[str] | None:
        reply = self._begin_removal(args=[_REMOVAL_MILLISECONDS, token, digest])
        return cast("list[str] | None", reply)

    @needs_redis
    def _finish_removal(self, token: str, digests: list[str]) -> None:
        if digests:
            self._end_removal(args=[token, *digests])


def _new_token() -> str:
    """Return a value that tells the removals of several processes apart."""
    return secrets.token_hex(8)
