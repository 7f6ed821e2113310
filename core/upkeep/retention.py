"""Decisions about retention: which blobs and records are still needed.

These functions are pure. ``core.upkeep.cleaner`` reads the records and removes the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from core.jobs.job import RETENTION, TOMBSTONE
from core.jobs.schema_version import newer_schema
from core.webhooks.webhook import DeliveryState

#: The minimum age of a blob without a record: the record of a younger one may be on its way.
GRACE = timedelta(hours=1)

#: How long an unexplained blob is kept: one from before this Redis knew of any blob.
UNKNOWN_GRACE = timedelta(days=7)

#: A gap between two sweeps that is longer than this may mean that Redis lost its data. A
#: running api sweeps every few minutes.
MAX_GAP_SECONDS = 3600.0

#: How long an overdue webhook keeps the record of its job. No dispatcher will send it then.
_OVERDUE_SECONDS = 86_400.0

DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Survey:
    """What the job records need."""

    #: The blobs that a record within its retention time names, in any field.
    needed: frozenset[str]
    #: All jobs that have a record.
    known: frozenset[str]
    #: The jobs that have ended.
    ended: frozenset[str]
    #: The jobs whose files have expired.
    expired: frozenset[str]
    #: The jobs whose record is to be removed.
    forgotten: tuple[str, ...]
    #: The schema versions of newer records, by job id.
    newer: Mapping[str, str]
    #: When the oldest unfinished job started, in seconds since 1970. Its blobs from then on
    #: may be unnamed, because the record names some only at the end.
    working_since: float


def survey(
    records: Iterable[Mapping[str, str]], now: float, tombstone: timedelta = TOMBSTONE
) -> Survey:
    """Decide what is needed.

    Args:
        records: all job records, as stored in Redis.
        now: the current time in seconds since 1970, by the server's clock.
        tombstone: how long a record is kept after its files have expired.
    """
    needed: set[str] = set()
    known = set()
    ended = set()
    expired = set()
    forgotten = []
    newer = {}
    working_since = now
    for record in records:
        job_id = record.get("id", "")
        known.add(job_id)
        if schema := newer_schema(record):
            newer[job_id] = schema
        # Only a newer version knows when a newer record expires.
        expires = None if schema else _expiry_time(record)
        if expires is None and "finished_at" not in record:
            working_since = min(working_since, float(record.get("started_at", now)))
        else:
            ended.add(job_id)
        if expires is None or now < expires:
            needed.update(*(DIGEST.findall(value) for value in record.values()))
        else:
            expired.add(job_id)
            if now >= expires + tombstone.total_seconds() and not _delivers(record, now):
                forgotten.append(record["id"])
    return Survey(
        frozenset(needed),
        frozenset(known),
        frozenset(ended),
        frozenset(expired),
        tuple(forgotten),
        newer,
        working_since,
    )


def _delivers(record: Mapping[str, str], now: float) -> bool:
    """Return whether a webhook of the job is still to be sent."""
    deliveries = json.loads(record.get("deliveries", "{}")).values()
    return any(
        delivery["state"] == DeliveryState.PENDING
        and now - delivery.get("next_attempt_at", 0) < _OVERDUE_SECONDS
        for delivery in deliveries
    )


def _expiry_time(record: Mapping[str, str]) -> float | None:
    if "finished_at" not in record:
        return None
    retention = record.get("retention_seconds", RETENTION.total_seconds())
    return float(record["finished_at"]) + float(retention)


def complete_since(sweeps: Mapping[str, str], now: float) -> float:
    """Return since when Redis has received the record of every blob, in seconds since 1970.

    A blob without a record is garbage if its record would be here. It is not if Redis lost its
    data, or went back to an old backup, or has never seen this blob store before: then the
    records may be restored, and blobs that were removed in the meantime would be missing.

    Args:
        sweeps: the history of sweeps, which Redis stores next to the records: ``since`` and
            ``last``. Empty in a Redis that is new to the blob store.
        now: the current time in seconds since 1970, by the server's clock.
    """
    if not sweeps or now - float(sweeps["last"]) > MAX_GAP_SECONDS:
        return now
    return float(sweeps["since"])


def explain_unknown(count: int) -> str:
    """Return a message for the operator about unexplained blobs."""
    return (
        f"{count} blobs were written before this Redis knew of any, and no record names them: "
        "has Redis lost its data, or do two deployments share a blob store? Restore the records, "
        f"or the blobs are removed when they are {UNKNOWN_GRACE.days} days old"
    )
