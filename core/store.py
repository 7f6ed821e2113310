"""Job records in Redis.

A record is a hash. It changes only inside the Lua scripts under ``core/lua``:
each checks the state it expects, writes, and keeps the indexes in step, in one
go. Times are the server's, so that hosts need not agree on theirs.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from core.admission import Admission, Load
from core.connections import needs_redis
from core.errors import JobNotFound, StaleAttempt
from core.jobs import (
    RETENTION,
    SCHEMA_VERSION,
    Failure,
    Inputs,
    Job,
    JobStatus,
    Metrics,
    Picture,
    Progress,
    is_job_id,
    new_job_id,
)
from core.params import StyleParams
from core.records import (
    JOBS_QUEUED,
    JOBS_RUNNING,
    RUN_SECONDS,
    flat,
    job_key,
    parse_job,
    read_job,
    script,
)

if TYPE_CHECKING:
    from redis import Redis

#: The terms on which every job is taken.
_ANY = Admission(caller="anonymous", max_queue=10**9, max_jobs_per_caller=10**9)


class JobStore:
    """Reads job records, and makes every legal change to one.

    Args:
        redis: a client with ``decode_responses=True``.
        lease_seconds: how long a claim holds without being renewed.
        retention: how long the files of the jobs that it creates stay after their end.
    """

    def __init__(
        self, redis: Redis, lease_seconds: float = 8, *, retention: timedelta = RETENTION
    ) -> None:
        self._redis = redis
        self._lease_seconds = lease_seconds
        self._retention = retention
        self._ask = script(redis, "load", "ask")
        self._create = script(redis, "load", "tell", "create")
        self._claim = script(redis, "tell", "claim")
        self._renew = script(redis, "tell", "renew")
        self._finish = script(redis, "tell", "finish")
        self._hand_back = script(redis, "tell", "hand_back")
        self._cancel = script(redis, "tell", "cancel")
        self._discard = script(redis, "tell", "discard")

    @needs_redis
    def load(self, caller: str) -> Load:
        """How busy the service is, and how much of that is the caller's."""
        keys = [JOBS_QUEUED, JOBS_RUNNING, RUN_SECONDS]
        return _load(self._ask(keys=keys, args=[caller]))

    @needs_redis
    def create(self, params: StyleParams, inputs: Inputs, admission: Admission = _ANY) -> Job:
        """Write a new job, queued; its pictures are in the blob store already.

        Raises:
            QueueFull, TooManyJobs: there is no room, by the terms of the admission.
        """
        job_id = new_job_id()
        fields = {
            "id": job_id,
            "schema": SCHEMA_VERSION,
            "owner": admission.owner,
            "params": params.model_dump_json(),
            "inputs": inputs.model_dump_json(),
            "retention_seconds": self._retention.total_seconds(),
        }
        limits = (admission.max_queue, admission.max_jobs_per_caller)
        load, record = self._create(
            keys=[job_key(job_id), JOBS_QUEUED, JOBS_RUNNING, RUN_SECONDS],
            args=[job_id, admission.caller, *limits, *flat(fields)],
        )
        if record is None:
            admission.check_load(_load(load))
            raise AssertionError(f"create.lua refuses {load}, and {admission} does not")
        return read_job(record)

    @needs_redis
    def get(self, job_id: str) -> Job:
        """The job of that id.

        Raises:
            JobNotFound: there is none.
        """
        record = (
            cast(dict[str, str], self._redis.hgetall(job_key(job_id))) if is_job_id(job_id) else {}
        )
        if not record:
            raise not_found(job_id)
        return parse_job(record)

    @needs_redis
    def queue_position(self, job_id: str) -> int | None:
        """How many jobs are before this one in the queue; None if it is not queued."""
        return cast("int | None", self._redis.zrank(JOBS_QUEUED, job_id))

    @needs_redis
    def cancel(self, job_id: str) -> Job:
        """Call a job off: at once while it is queued, at its next step while it runs.

        A finished job stays as it is.

        Raises:
            JobNotFound: there is none.
        """
        keys = [job_key(job_id), JOBS_QUEUED]
        record = self._cancel(keys=keys, args=[job_id]) if is_job_id(job_id) else None
        if record is None:
            raise not_found(job_id)
        return read_job(record)

    @needs_redis
    def claim(self, job_id: str) -> Job | None:
        """queued to running: begin an attempt, and take the lease.

        Returns:
            The job, or None if it is not queued, or unknown.
        """
        record = self._claim(
            keys=[job_key(job_id), JOBS_QUEUED, JOBS_RUNNING],
            args=[job_id, self._lease_seconds, secrets.token_hex(8)],
        )
        return read_job(record) if record else None

    @needs_redis
    def renew(self, job: Job, **fields: BaseModel | str) -> bool:
        """Keep the lease, and write fields of the record that are new.

        Returns:
            Whether to go on; False when the job was called off.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        answer = self._renew(
            keys=[job_key(job.id), JOBS_RUNNING],
            args=[job.id, job.attempt, self._lease_seconds, *flat(_texts(fields))],
        )
        return _owned(job, answer) != "cancel"

    def succeed(
        self,
        job: Job,
        result: Picture,
        progress: Progress,
        metrics: Metrics,
        preview: Picture | None = None,
    ) -> JobStatus:
        """running to succeeded; the result and its preview are in the blob store already.

        Returns:
            What the job is now: canceled, if it was called off in the meantime.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        fields = {"result": result, "progress": progress, "metrics": metrics}
        if preview is not None:
            fields["preview"] = preview
        return self._end(job, JobStatus.SUCCEEDED, **fields)

    def fail(self, job: Job, error: Failure) -> JobStatus:
        """running to failed, or to canceled, as :meth:`succeed`."""
        return self._end(job, JobStatus.FAILED, error=error)

    def call_off(self, job: Job) -> JobStatus:
        """running to canceled, by the attempt that owns the job, as :meth:`succeed`."""
        return self._end(job, JobStatus.CANCELED)

    @needs_redis
    def hand_back(self, job: Job, **fields: str) -> JobStatus:
        """running to queued, without using up an attempt, as :meth:`succeed`."""
        answer = self._hand_back(
            keys=[job_key(job.id), JOBS_QUEUED, JOBS_RUNNING],
            args=[job.id, job.attempt, *flat(fields)],
        )
        return JobStatus(_owned(job, answer))

    @needs_redis
    def discard(self, job: Job) -> None:
        """Take back a job that could not be announced to the workers."""
        self._discard(keys=[job_key(job.id), JOBS_QUEUED], args=[job.id])

    @needs_redis
    def _end(self, job: Job, status: JobStatus, **fields: BaseModel) -> JobStatus:
        answer = self._finish(
            keys=[job_key(job.id), JOBS_RUNNING, RUN_SECONDS],
            args=[job.id, job.attempt, status.value, *flat(_texts(fields))],
        )
        return JobStatus(_owned(job, answer))


def _load(reply: Any) -> Load:
    queued, unfinished, run_seconds = reply
    return Load(queued, unfinished, None if run_seconds is None else float(run_seconds))


def not_found(job_id: str) -> JobNotFound:
    """What to say of a job that is not there, or not the caller's."""
    return JobNotFound(f"there is no job {job_id!r}; it may have expired")


def _owned(job: Job, answer: Any) -> str:
    if answer is None:
        raise StaleAttempt(f"attempt {job.attempt} no longer owns job {job.id}")
    return str(answer)


def _texts(fields: Mapping[str, BaseModel | str]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else value.model_dump_json()
        for name, value in fields.items()
    }
