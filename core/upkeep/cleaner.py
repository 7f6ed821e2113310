"""Removes what nobody will ask for again: expired files, and records long after.

Blobs are shared by content, so nothing is counted: now and then every record is
looked at, and a blob that no record in its retention names is removed. A blob that
was written lately is kept too, because its record may be about to be written; and so
is, for a week, one from before this Redis knew of any: its record may be brought back.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, cast

from core.blobs.blobs import Blobs
from core.jobs.job import RETENTION, is_job_id
from core.jobs.schema import Bystander, newer_schema, versioned
from core.runtime.redis import needs_redis
from core.store.holds import Holds
from core.store.records import JOB_KEY, job_key, script
from core.upkeep.epoch import Witness

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: For how long after its files a finished job's record still says that they have expired.
TOMBSTONE = timedelta(days=7)

#: A blob is younger than this while the record that will name it is being written.
GRACE = timedelta(hours=1)

#: For how long a blob is kept that was written before this Redis was told of any.
UNKNOWN_GRACE = timedelta(days=7)

#: How often one process of the whole deployment sweeps.
PERIOD = timedelta(minutes=10)

# There while a sweep runs, and until the next is due. Of each schema, so that those who
# leave a record alone do not keep others from removing its files.
_SWEEPING = versioned("easel:sweeping")
_PAGE = 500
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Survey:
    """What the records say of what is needed."""

    #: The blobs that some record in its retention names, in whatever field.
    needed: frozenset[str]
    #: All jobs that have a record.
    known: frozenset[str]
    #: Those of them that have ended.
    ended: frozenset[str]
    #: The jobs whose records have had their time.
    forgotten: tuple[str, ...]
    #: Of the jobs with a record of a newer schema: that schema, by the job's id.
    newer: Mapping[str, str]
    #: When the first of the unfinished jobs was started; what it has written since
    #: is named only when it ends, and it may have to wait for that.
    working_since: float


@dataclass(frozen=True)
class Swept:
    """How much was removed."""

    blobs: int
    strays: int
    records: int
    #: How many blobs are left that no record explains.
    unknown: int = 0


def survey(
    records: Iterable[Mapping[str, str]], now: float, tombstone: timedelta = TOMBSTONE
) -> Survey:
    """Decide what is needed at the time ``now``.

    Args:
        records: every job's, as Redis has them.
        now: in seconds, by the clock that the records' times are of.
        tombstone: how long a record stays after its files.
    """
    needed: set[str] = set()
    known = set()
    ended = set()
    forgotten = []
    newer = {}
    working_since = now
    for record in records:
        known.add(record.get("id", ""))
        if schema := newer_schema(record):
            newer[record.get("id", "")] = schema
        # When what is newer expires, a newer version knows.
        expires = None if schema else _expires(record)
        if expires is None and "finished_at" not in record:
            working_since = min(working_since, float(record.get("started_at", now)))
        else:
            ended.add(record.get("id", ""))
        if expires is None or now < expires:
            needed.update(*(_DIGEST.findall(value) for value in record.values()))
        elif now >= expires + tombstone.total_seconds():
            forgotten.append(record["id"])
    return Survey(
        frozenset(needed),
        frozenset(known),
        frozenset(ended),
        tuple(forgotten),
        newer,
        working_since,
    )


def _expires(record: Mapping[str, str]) -> float | None:
    if "finished_at" not in record:
        return None
    kept = record.get("retention_seconds", RETENTION.total_seconds())
    return float(record["finished_at"]) + float(kept)


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
        if not self._redis.set(_SWEEPING, 1, ex=PERIOD, nx=True):
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
        self._redis.expire(_SWEEPING, PERIOD)
        return self._holds.remove(self._blobs, digest, older_than=older_than, ended=found.ended)

    def _unknown(self, strange: Mapping[str, float]) -> set[str]:
        """Those of the blobs, by their age, that no record names and that may yet be asked for."""
        young = {each for each, age in strange.items() if age < UNKNOWN_GRACE.total_seconds()}
        if young:
            for record in self._records():
                young.difference_update(*(_DIGEST.findall(value) for value in record.values()))
        return young

    def _records(self) -> Iterator[dict[str, str]]:
        keys = self._redis.scan_iter(match=JOB_KEY + "*", count=_PAGE, _type="HASH")
        jobs = (key for key in keys if is_job_id(key.removeprefix(JOB_KEY)))
        while page := list(islice(jobs, _PAGE)):
            with self._redis.pipeline(transaction=False) as pipeline:
                for key in page:
                    pipeline.hgetall(key)
                found = cast(list[dict[str, str]], pipeline.execute())
            yield from (record for record in found if record)

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6


def explain_unknown(count: int) -> str:
    """What an operator should know of blobs that no record explains."""
    return (
        f"{count} blobs were written before this Redis knew of any, and no record names them: "
        "has Redis lost its data, or do two deployments share a store? Bring the records back, "
        f"or they are removed when they are {UNKNOWN_GRACE.days} days old"
    )
