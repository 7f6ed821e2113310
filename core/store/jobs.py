"""Job records in Redis.

A record is a hash. It changes only inside the Lua scripts under ``core/store/lua``:
each checks the state it expects, writes, and keeps the indexes in step, in one
go. Times are the server's, so that hosts need not agree on theirs.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from core.errors import JobNotFound, StaleAttempt
from core.jobs.job import RETENTION, Failure, Job, JobStatus, Metrics, Picture, Progress, is_job_id
from core.runtime.redis import needs_redis
from core.store.creation import NewJobs
from core.store.holds import Holds
from core.store.keys import JOBS_QUEUED, JOBS_RUNNING, RUN_SECONDS, job_key
from core.store.listing import Listing
from core.store.scripts import flatten, script
from core.store.serialization import parse_job, read_job
from core.store.signing import LinkSigner

if TYPE_CHECKING:
    from redis import Redis


class JobStore(NewJobs):
    """Reads job records, and makes every legal change to one.

    Args:
        redis: a client with ``decode_responses=True``.
        lease_seconds: how long a claim holds without being renewed.
        retention: how long the files of the jobs that it creates stay after their end.
    """

    def __init__(
        self, redis: Redis, lease_seconds: float = 8, *, retention: timedelta = RETENTION
    ) -> None:
        super().__init__(redis, retention)
        self._redis = redis
        self._lease_seconds = lease_seconds
        self._claim = script(redis, "lib/newer", "lib/listed", "lib/tell", "jobs/claim")
        self._renew = script(redis, "lib/held", "lib/tell", "jobs/renew")
        self._finish = script(redis, "lib/listed", "lib/held", "lib/tell", "jobs/finish")
        self._hand_back = script(redis, "lib/listed", "lib/tell", "jobs/hand_back")
        self._cancel = script(redis, "lib/newer", "lib/listed", "lib/tell", "jobs/cancel")
        self._delete = script(
            redis, "lib/newer", "lib/listed", "lib/held", "lib/forgotten", "jobs/delete"
        )
        #: Which job needs which blob.
        self.holds = Holds(redis)
        #: Links to the pictures of jobs.
        self.links = LinkSigner(redis)
        #: The jobs of an owner.
        self.listing = Listing(redis)

    @needs_redis
    def get(self, job_id: str) -> Job:
        """The job of that id.

        Raises:
            JobNotFound: there is none.
            NewerRecord: it cannot be read.
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
            NewerRecord: it is left alone.
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

        Raises:
            NewerRecord: it is left alone.
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
            args=[job.id, job.attempt, self._lease_seconds, *flatten(_texts(fields))],
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
            args=[job.id, job.attempt, *flatten(fields)],
        )
        return JobStatus(_owned(job, answer))

    @needs_redis
    def delete(self, job_id: str) -> list[str]:
        """Remove the record of a job; what a worker still writes to it is refused.

        Returns:
            The blobs that it named, to be released.

        Raises:
            JobNotFound: there is none.
            NewerRecord: it is left alone.
        """
        digests = self._delete(keys=[job_key(job_id)], args=[job_id])
        if digests is None:
            raise not_found(job_id)
        return cast(list[str], digests)

    @needs_redis
    def _end(self, job: Job, status: JobStatus, **fields: BaseModel) -> JobStatus:
        answer = self._finish(
            keys=[job_key(job.id), JOBS_RUNNING, RUN_SECONDS],
            args=[job.id, job.attempt, status.value, *flatten(_texts(fields))],
        )
        return JobStatus(_owned(job, answer))


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
