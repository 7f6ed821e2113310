"""Batches in Redis: a record, and the set of the jobs, which are jobs like all others.

One script creates a batch with all of its jobs. The scripts that change or remove a job note that
in its batch (``core/store/lua/lib/jobs/batch.lua``), so the last one finishes the batch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from core.errors import BatchNotFound, IdempotencyKeyReused
from core.jobs.admission import Admission
from core.jobs.batch import Batch, BatchMode, Member
from core.jobs.idempotency import KEY_LIFETIME, IdempotencyKey
from core.jobs.job import is_job_id
from core.jobs.schema_version import SCHEMA, SCHEMA_VERSION
from core.jobs.status import JobStatus
from core.runtime.redis import needs_redis
from core.store.keys import batch_jobs_key, batch_key, idempotency_key
from core.store.scripts import script
from core.store.serialization import flatten, json_fields, pairs, parse_load, parse_record

if TYPE_CHECKING:
    from redis import Redis

_JSON_FIELDS = json_fields(Batch)


class BatchStore:
    """Creates, reads, cancels and deletes batches.

    Args:
        redis: a client with ``decode_responses=True``.
        retention: how long the files of the jobs are kept after their end.
    """

    def __init__(self, redis: Redis, retention: timedelta) -> None:
        self._redis = redis
        self._retention = retention.total_seconds()
        self._create = script(redis, "batches/create")
        self._read = script(redis, "batches/read")
        self._cancel = script(redis, "batches/cancel")
        self._delete = script(redis, "batches/delete")

    @needs_redis
    def create(
        self,
        batch_id: str,
        mode: BatchMode,
        members: Sequence[Member],
        admission: Admission,
        key: IdempotencyKey | None = None,
        **more: str,
    ) -> str:
        """Create a batch and all of its jobs, or nothing.

        Args:
            batch_id: its id.
            mode: how the pictures were combined.
            members: the jobs, whose ids increase. Their pictures must be in the blob store already.
            admission: the caller and the limits.
            key: the idempotency key of the request.
            more: further fields of the record.

        Returns:
            The id; or that of the batch that an earlier request with the same key created.

        Raises:
            QueueFull, TooManyJobs, StorageQuotaExceeded: the jobs exceed a limit of the admission.
            IdempotencyKeyReused: the key was used for another request.
        """
        common = {
            SCHEMA: SCHEMA_VERSION,
            "owner": admission.owner,
            "retention_seconds": self._retention,
        }
        names = {member.job_id: member.name for member in members}
        record = {"id": batch_id, **common, "mode": mode.value, "names": json.dumps(names), **more}
        jobs = [
            {
                "id": member.job_id,
                **common,
                "batch": batch_id,
                "params": member.params.model_dump_json(),
                "inputs": member.inputs.model_dump_json(),
                **member.fields,
            }
            for member in members
        ]
        fields = [flatten(each) for each in (record, *jobs)]
        upload_bytes = sum(member.inputs.size_bytes for member in members)
        limits = (
            admission.max_queue,
            admission.max_jobs_per_caller,
            admission.max_stored_bytes_per_caller,
            upload_bytes,
        )
        request = (key.request_hash if key else "", int(KEY_LIFETIME.total_seconds()))
        load, found, outcome = self._create(
            keys=[batch_key(batch_id), *([idempotency_key(key.digest)] if key else [])],
            args=[
                *(batch_id, admission.caller, *limits, *request, len(members)),
                *(item for each in fields for item in (len(each), *each)),
            ],
        )
        if outcome == "different":
            raise IdempotencyKeyReused
        if found is None:
            admission.check_load(parse_load(load), upload_bytes, jobs=len(members))
            raise AssertionError(f"create.lua refuses {load}, but {admission} accepts it")
        return cast(str, found)

    @needs_redis
    def find_replay(self, key: IdempotencyKey) -> str | None:
        """Return the id of the batch that an earlier request with the key created, if any.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
        """
        entry = cast(dict[str, str], self._redis.hgetall(idempotency_key(key.digest)))
        if entry and key.request_hash not in ("", entry["request"]):
            raise IdempotencyKeyReused
        return entry.get("job")

    @needs_redis
    def get(self, batch_id: str) -> Batch:
        """Return a batch.

        Raises:
            BatchNotFound: there is no such batch.
            NewerRecord: a newer version of Easel wrote the record in an unreadable way.
        """
        reply = self._read(keys=_keys(batch_id)) if is_job_id(batch_id) else None
        if reply is None:
            raise batch_not_found(batch_id)
        record, statuses = reply
        batch = parse_record(Batch, _JSON_FIELDS, pairs(record))
        read = {job_id: JobStatus(status) for job_id, status in pairs(statuses).items()}
        return batch.model_copy(update={"statuses": read})

    @needs_redis
    def cancel(self, batch_id: str) -> None:
        """Cancel the unfinished jobs of a batch."""
        self._cancel(keys=[batch_jobs_key(batch_id)])

    @needs_redis
    def delete(self, batch_id: str) -> list[str]:
        """Delete a batch and its jobs. Later writes of workers that run them are refused.

        Returns:
            The digests of the blobs that the jobs named, to be released.

        Raises:
            BatchNotFound: there is no such batch.
            NewerRecord: only a newer version of Easel may change one of the jobs.
        """
        digests = self._delete(keys=_keys(batch_id), args=[batch_id])
        if digests is None:
            raise batch_not_found(batch_id)
        return cast(list[str], digests)


def batch_not_found(batch_id: str) -> BatchNotFound:
    """Return the error for a batch that does not exist or belongs to another owner."""
    return BatchNotFound(f"there is no batch {batch_id!r}; it may have expired")


def _keys(batch_id: str) -> list[str]:
    return [batch_key(batch_id), batch_jobs_key(batch_id)]
