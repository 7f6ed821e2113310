"""New job records: written in one go with the check that there is room for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from core.errors import IdempotencyKeyReused
from core.jobs.admission import Admission, Load
from core.jobs.idempotency import KEPT, IdempotencyKey
from core.jobs.job import Inputs, Job, new_job_id
from core.jobs.schema_version import SCHEMA, SCHEMA_VERSION
from core.params import StyleParams
from core.runtime.redis import needs_redis
from core.store.keys import JOBS_QUEUED, RUN_SECONDS, idempotency_key, job_key
from core.store.scripts import flatten, script
from core.store.serialization import read_job

if TYPE_CHECKING:
    from redis import Redis

#: The terms on which every job is taken.
_ANY = Admission(caller="anonymous", max_queue=10**9, max_jobs_per_caller=10**9)


class NewJobs:
    """Writes new jobs, and takes them back.

    Args:
        redis: a client with ``decode_responses=True``.
        retention: how long their files stay after their end.
    """

    def __init__(self, redis: Redis, retention: timedelta) -> None:
        self._retention = retention
        self._ask = script(redis, "lib/listed", "lib/load", "queries/ask")
        self._create = script(
            redis, "lib/listed", "lib/load", "lib/held", "lib/tell", "jobs/create"
        )
        self._recall = script(redis, "jobs/recall")
        self._discard = script(redis, "lib/listed", "lib/held", "lib/forgotten", "jobs/discard")

    @needs_redis
    def load(self, caller: str, max_jobs: int = _ANY.max_jobs_per_caller) -> Load:
        """How busy the service is, and how much of that is the caller's.

        Args:
            caller: what the limits count by.
            max_jobs: the caller's limit; from there on every job is looked at.
        """
        return _load(self._ask(keys=[JOBS_QUEUED, RUN_SECONDS], args=[caller, max_jobs]))

    @needs_redis
    def create(
        self,
        params: StyleParams,
        inputs: Inputs,
        admission: Admission = _ANY,
        *,
        job_id: str | None = None,
        key: IdempotencyKey | None = None,
        **more: str,
    ) -> Job:
        """Write a new job, queued; its pictures are in the blob store already.

        Args:
            params: what it asks for.
            inputs: its pictures.
            admission: on what terms it is taken.
            job_id: its id, where the pictures are held for it already.
            key: what the request is known by if it is sent again.
            more: other fields of the record.

        Returns:
            The new job; or the one made for the key before, which has another id.

        Raises:
            QueueFull, TooManyJobs: there is no room, by the terms of the admission.
            IdempotencyKeyReused: the key was used for another request.
        """
        job_id = job_id or new_job_id()
        fields = {
            "id": job_id,
            SCHEMA: SCHEMA_VERSION,
            "owner": admission.owner,
            "params": params.model_dump_json(),
            "inputs": inputs.model_dump_json(),
            "retention_seconds": self._retention.total_seconds(),
            **more,
        }
        limits = (admission.max_queue, admission.max_jobs_per_caller)
        request = (key.request if key else "", int(KEPT.total_seconds()))
        load, record, outcome = self._create(
            keys=[
                *(job_key(job_id), JOBS_QUEUED, RUN_SECONDS),
                *([idempotency_key(key.digest)] if key else []),
            ],
            args=[job_id, admission.caller, *limits, *request, *flatten(fields)],
        )
        if outcome == "different":
            raise IdempotencyKeyReused
        if record is None:
            admission.check_load(_load(load))
            raise AssertionError(f"create.lua refuses {load}, and {admission} does not")
        return read_job(record)

    @needs_redis
    def recall(self, key: IdempotencyKey) -> Job | None:
        """The job made for the key, if there is one.

        Raises:
            IdempotencyKeyReused: it was made for another request.
        """
        reply = self._recall(keys=[idempotency_key(key.digest)], args=[key.request])
        if reply == "different":
            raise IdempotencyKeyReused
        return read_job(reply) if reply else None

    @needs_redis
    def discard(self, job: Job) -> list[str]:
        """Take back a job that could not be announced to the workers.

        Returns:
            The blobs that it named.
        """
        return cast(list[str], self._discard(keys=[job_key(job.id)], args=[job.id]))


def _load(reply: Any) -> Load:
    queued, unfinished, run_seconds = reply
    return Load(queued, unfinished, None if run_seconds is None else float(run_seconds))
