"""Removes expired files, and records long after them.

Blobs are shared by content, and there are no reference counts. Instead, a sweep reads every
record and removes the blobs that no record within its retention time names. It keeps young
blobs, because their record may be on its way. And for a week it keeps unexplained blobs from
before this Redis knew of any, because their records may be restored.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, cast

from core.blobs.blobs import Blobs
from core.jobs.job import TOMBSTONE, is_job_id
from core.jobs.schema_version import NewerRecordLog
from core.runtime.redis import needs_redis
from core.store.holds import Holds
from core.store.keys import CLEANING, JOB_PREFIX, SWEEPS, job_key
from core.store.scripts import script
from core.store.serialization import flatten
from core.upkeep.retention import (
    DIGEST,
    GRACE,
    UNKNOWN_GRACE,
    Survey,
    complete_since,
    explain_unknown,
    survey,
)

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: How often one process of the whole deployment sweeps.
PERIOD = timedelta(minutes=10)

_PAGE = 500


@dataclass(frozen=True)
class Swept:
    """How much a sweep removed."""

    blobs: int
    strays: int
    records: int
    #: The number of unexplained blobs that were kept.
    unknown: int = 0


class Cleaner:
    """Sweeps, in one process at a time.

    Args:
        redis: a client with ``decode_responses=True``.
        blobs: the blob store, which belongs to this deployment only.
        grace: how long a blob that no record names is kept.
        tombstone: how long the record of a finished job is kept after its files.
    """

    def __init__(
        self,
        redis: Redis,
        blobs: Blobs,
        grace: timedelta = GRACE,
        tombstone: timedelta = TOMBSTONE,
    ) -> None:
        self._redis = redis
        self._blobs = blobs
        self._grace = grace.total_seconds()
        self._tombstone = tombstone
        self._delete = script(redis, "jobs/delete")
        self._even_if_full = script(redis, "commands/even_if_full")
        self._newer_records = NewerRecordLog("cleaner")
        self._holds = Holds(redis)

    @needs_redis
    def sweep_if_due(self) -> Swept | None:
        """Sweep, unless some process has done so within ``PERIOD``."""
        seconds = int(PERIOD.total_seconds())
        if not self._even_if_full(args=["SET", CLEANING, 1, "EX", seconds, "NX"]):
            return None
        swept = self.sweep()
        _logger.info("swept", extra=asdict(swept))
        return swept

    @needs_redis
    def sweep(self) -> Swept:
        """Remove what is no longer needed.

        Raises:
            ServiceUnavailable: a store is unavailable. The next sweep does what is left.
        """
        now = self._now()
        complete_for = now - self._begin_sweep(now)
        records = survey(self._records(), now, self._tombstone)
        self._newer_records.report(records.newer)
        older_than = max(self._grace, now - records.working_since)
        self._holds.prune(records.known, made_before=now - older_than)
        blobs = 0
        unexplained = {}
        for digest, age in self._blobs.ages():
            if digest in records.needed or age < older_than:
                continue
            if age > complete_for:
                unexplained[digest] = age
            else:
                blobs += self._remove(digest, older_than, records)
        unknown = self._unknown(unexplained)
        for digest in unexplained.keys() - unknown:
            blobs += self._remove(digest, older_than, records)
        self._holds.free(records.known, records.expired, made_before=now - older_than)
        strays = self._blobs.delete_strays(older_than=older_than)
        for job_id in records.forgotten:
            self._delete(keys=[job_key(job_id)], args=[job_id])
        completed = self._now()
        self._note(last=completed, completed=completed, unknown=len(unknown))
        if unknown:
            _logger.error(explain_unknown(len(unknown)), extra={"unknown": len(unknown)})
        return Swept(blobs, strays, len(records.forgotten), len(unknown))

    def _begin_sweep(self, now: float) -> float:
        """Extend the history of sweeps, and return since when Redis has every record."""
        sweeps = cast(dict[str, str], self._redis.hgetall(SWEEPS))
        since = complete_since(sweeps, now)
        self._note(since=since, last=now)
        return since

    def _note(self, **fields: float) -> None:
        """Write fields of the history of sweeps."""
        self._even_if_full(args=["HSET", SWEEPS, *flatten(fields)])

    def _remove(self, digest: str, older_than: float, records: Survey) -> bool:
        self._redis.expire(CLEANING, PERIOD)
        return self._holds.remove(self._blobs, digest, older_than=older_than, ended=records.ended)

    def _unknown(self, ages: Mapping[str, float]) -> set[str]:
        """Return the unexplained blobs that are still to be kept.

        Args:
            ages: the age of each unexplained blob in seconds.
        """
        young = {digest for digest, age in ages.items() if age < UNKNOWN_GRACE.total_seconds()}
        if young:
            for record in self._records():
                young.difference_update(*(DIGEST.findall(value) for value in record.values()))
        return young

    def _records(self) -> Iterator[dict[str, str]]:
        keys = self._redis.scan_iter(match=JOB_PREFIX + "*", count=_PAGE, _type="HASH")
        jobs = (key for key in keys if is_job_id(key.removeprefix(JOB_PREFIX)))
        while page := list(islice(jobs, _PAGE)):
            with self._redis.pipeline(transaction=False) as pipeline:
                for key in page:
                    pipeline.hgetall(key)
                records = cast(list[dict[str, str]], pipeline.execute())
            yield from (record for record in records if record)

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6
