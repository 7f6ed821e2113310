"""Removes what nobody will ask for again: expired files, and records long after.

Blobs are shared by content, so nothing is counted: now and then every record is
looked at, and a blob that no record in its retention names is removed. A blob that
was written lately is kept too, because its record may be about to be written; and so
is, for a week, one from before this Redis knew of any: its record may be brought back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, cast

from core.blobs.blobs import Blobs
from core.jobs.job import is_job_id
from core.jobs.schema_version import Bystander
from core.runtime.redis import needs_redis
from core.store.holds import Holds
from core.store.keys import CLEANING, JOB_PREFIX, SWEEPS, job_key
from core.store.scripts import script
from core.upkeep.retention import (
    DIGEST,
    GRACE,
    TOMBSTONE,
    UNKNOWN_GRACE,
    Survey,
    explain_unknown,
    survey,
    vouched_since,
)

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: How often one process of the whole deployment sweeps.
PERIOD = timedelta(minutes=10)

_PAGE = 500


@dataclass(frozen=True)
class Swept:
    """How much was removed."""

    blobs: int
    strays: int
    records: int
    #: How many blobs are left that no record explains.
    unknown: int = 0


class Cleaner:
    """Sweeps, one process at a time.

    Args:
        redis: has the records; a client with ``decode_responses=True``.
        blobs: has the files, of this deployment and no other.
        grace: how long a blob that nothing names is kept.
        tombstone: how long a finished job's record is kept after its files.
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
        self._forget = script(
            redis, "lib/newer", "lib/listed", "lib/held", "lib/forgotten", "jobs/delete"
        )
        self._bystander = Bystander("cleaner")
        self._holds = Holds(redis)
        self._witness = Witness(redis)

    @needs_redis
    def sweep_if_due(self) -> Swept | None:
        """Sweep, unless some process has done so within ``PERIOD``."""
        if not self._redis.set(CLEANING, 1, ex=PERIOD, nx=True):
            return None
        swept = self.sweep()
        _logger.info("swept", extra=asdict(swept))
        return swept

    @needs_redis
    def sweep(self) -> Swept:
        """Remove what is not needed now.

        Raises:
            ServiceUnavailable: a store is away; what was not done is left to the next sweep.
        """
        now = self._now()
        vouched = now - self._witness.since(now)
        found = survey(self._records(), now, self._tombstone)
        self._bystander.leaves(found.newer)
        older_than = max(self._grace, now - found.working_since)
        self._holds.prune(found.known, made_before=now - older_than)
        blobs = 0
        strange = {}
        for digest, age in self._blobs.ages():
            if digest in found.needed or age < older_than:
                continue
            if age > vouched:
                strange[digest] = age
            else:
                blobs += self._remove(digest, older_than, found)
        unknown = self._unknown(strange)
        for digest in strange.keys() - unknown:
            blobs += self._remove(digest, older_than, found)
        strays = self._blobs.delete_strays(older_than=older_than)
        for job_id in found.forgotten:
            self._forget(keys=[job_key(job_id)], args=[job_id])
        self._witness.swept(self._now(), len(unknown))
        if unknown:
            _logger.error(explain_unknown(len(unknown)), extra={"unknown": len(unknown)})
        return Swept(blobs, strays, len(found.forgotten), len(unknown))

    def _remove(self, digest: str, older_than: float, found: Survey) -> bool:
        self._redis.expire(CLEANING, PERIOD)
        return self._holds.remove(self._blobs, digest, older_than=older_than, ended=found.ended)

    def _unknown(self, strange: Mapping[str, float]) -> set[str]:
        """Those of the blobs, by their age, that no record names and that may yet be asked for."""
        young = {each for each, age in strange.items() if age < UNKNOWN_GRACE.total_seconds()}
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
                found = cast(list[dict[str, str]], pipeline.execute())
            yield from (record for record in found if record)

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6


class Witness:
    """Remembers the sweeps in the Redis that has the records, so that both are lost together.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @needs_redis
    def since(self, now: float) -> float:
        """From when on the record of every blob that was written must have come to this Redis.

        Args:
            now: seconds since 1970 by the server's clock.
        """
        found = cast(dict[str, str], self._redis.hgetall(SWEEPS))
        since = vouched_since(found, now)
        self._redis.hset(SWEEPS, mapping={"since": since, "last": now})
        return since

    @needs_redis
    def swept(self, now: float, unknown: int) -> None:
        """Say that a sweep has ended, and how many blobs it left that no record explains."""
        self._redis.hset(SWEEPS, mapping={"last": now, "unknown": unknown})
