"""What is still needed, decided from the job records: blobs, records, and what is unexplained."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from core.jobs.job import RETENTION
from core.jobs.schema_version import newer_schema

#: For how long after its files a finished job's record still says that they have expired.
TOMBSTONE = timedelta(days=7)

#: A blob is younger than this while the record that will name it is being written.
GRACE = timedelta(hours=1)

#: For how long a blob is kept that was written before this Redis was told of any.
UNKNOWN_GRACE = timedelta(days=7)

#: An api that runs sweeps every few minutes; a longer silence is one that cannot be vouched for.
SILENCE_SECONDS = 3600.0


DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


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
            needed.update(*(DIGEST.findall(value) for value in record.values()))
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


def vouched_since(sweeps: dict[str, str], now: float) -> float:
    """When the unbroken row of sweeps began that has come up to now.

    Args:
        sweeps: what was remembered of them; empty in a Redis that is new to the store.
        now: in the same seconds.
    """
    if not sweeps or now - float(sweeps["last"]) > SILENCE_SECONDS:
        return now
    return float(sweeps["since"])


def explain_unknown(count: int) -> str:
    """What an operator should know of blobs that no record explains."""
    return (
        f"{count} blobs were written before this Redis knew of any, and no record names them: "
        "has Redis lost its data, or do two deployments share a store? Bring the records back, "
        f"or they are removed when they are {UNKNOWN_GRACE.days} days old"
    )
