"""Leases: what a worker does with the job that it runs.

A claim gives a worker a lease on a job, for one attempt. The worker renews the lease until it
ends the attempt. Every call names the attempt and the token of its claim, and is refused once the
lease has expired and another attempt has begun.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic import BaseModel

from core.errors import StaleAttempt
from core.jobs.job import Failure, Job, Metrics, Picture, Progress
from core.jobs.status import JobStatus
from core.jobs.workers import Capacity
from core.params import StyleParams
from core.params.edits import Edits, load_edits
from core.runtime.redis import needs_redis
from core.store.keys import job_key
from core.store.scripts import script
from core.store.serialization import flatten, read_job

if TYPE_CHECKING:
    from redis import Redis


#: A worker that can run every job.
_ANY = Capacity()


class Renewal(NamedTuple):
    """What a worker learns from a renewal of its lease."""

    #: Whether the job is to be canceled.
    canceled: bool
    #: Whether an edit waits to be taken.
    edited: bool


class Leases:
    """Makes the status changes of running jobs.

    Args:
        redis: a client with ``decode_responses=True``.
        lease_seconds: how long a lease lasts without being renewed.
    """

    def __init__(self, redis: Redis, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        self._claim = script(redis, "jobs/claim")
        self._next_job = script(redis, "queries/next_job")
        self._renew = script(redis, "jobs/renew")
        self._take_edits = script(redis, "jobs/take_edits")
        self._end_painting = script(redis, "drafts/end_painting")
        self._finish = script(redis, "jobs/finish")
        self._hand_back = script(redis, "jobs/hand_back")

    @needs_redis
    def claim(self, job_id: str | None = None, capacity: Capacity = _ANY) -> Job | None:
        """Begin an attempt at a queued job.

        Args:
            job_id: the job; None for the one that goes next, as workers claim it.
            capacity: which jobs the worker can run. Those that it cannot run are left.

        Returns:
            The job, which is now running; None if it is not queued, does not exist, or if no
            queued job can be started.

        Raises:
            NewerRecord: a newer version of Easel must run the job with that id.
        """
        token = secrets.token_hex(8)
        args = [str(self._lease_seconds), token, *_texts_of(capacity), job_id or ""]
        record = self._claim(args=args)
        return read_job(record) if record else None

    @needs_redis
    def next_job(self, capacity: Capacity = _ANY) -> str | None:
        """Return the id of the job that a worker would claim next, or None."""
        return cast("str | None", self._next_job(args=_texts_of(capacity)))

    @needs_redis
    def renew(self, job: Job, **fields: BaseModel | str) -> Renewal:
        """Renew the lease, and write changed fields of the record.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        args = [job.id, job.lease_owner, self._lease_seconds, *flatten(_texts(fields))]
        reply = self._renew(keys=[job_key(job.id)], args=args)
        reply = check_owner(job, reply)
        return Renewal(canceled=reply == "cancel", edited=reply == "edits")

    @needs_redis
    def take_edits(self, job: Job, step: int, *, last: bool) -> Edits:
        """Record after which step the edits that wait take effect, and return all edits.

        Args:
            job: the job as it was claimed.
            step: the steps made.
            last: whether that was the last step. If no edit waits, the job then takes no more.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        args: list[str | int] = [job.id, job.lease_owner, step, int(last)]
        return load_edits(check_owner(job, self._take_edits(keys=[job_key(job.id)], args=args)))

    @needs_redis
    def end_painting(self, job: Job, painted: Progress | None = None) -> Job | JobStatus | None:
        """Have a draft painted anew if it was changed. If not, a draft that is painted rests.

        Args:
            job: the job as it was claimed, with the parameters and the revision that are painted.
            painted: the progress after the last step; None before it.

        Returns:
            The job with the parameters and the revision to paint anew. None if it rests. Otherwise
            its status: it is running if the painting goes on, canceled, or queued if it is no draft
            any more.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        progress = painted.model_dump_json() if painted else ""
        args: list[str | int] = [job.id, job.lease_owner, progress, job.revision]
        reply = self._end_painting(keys=[job_key(job.id)], args=args)
        check_owner(job, reply)
        match reply:
            case ["paint", text, revision]:
                params = StyleParams.model_validate_json(text)
                return job.model_copy(update={"params": params, "revision": int(revision)})
            case ["rest"]:
                return None
        return JobStatus(reply[1])

    def succeed(
        self,
        job: Job,
        result: Picture,
        progress: Progress,
        metrics: Metrics,
        preview: Picture | None = None,
        display: Picture | None = None,
        content_display: Picture | None = None,
        film: Picture | None = None,
    ) -> JobStatus:
        """End a running job as succeeded. Its pictures must be stored already.

        Returns:
            The final status, which is `canceled` if the job was canceled in the meantime.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        fields = {"result": result, "progress": progress, "metrics": metrics}
        copies = {
            "preview": preview,
            "display": display,
            "content_display": content_display,
            "film": film,
        }
        fields |= {name: copy for name, copy in copies.items() if copy is not None}
        return self._end(job, JobStatus.SUCCEEDED, **fields)

    def fail(self, job: Job, error: Failure) -> JobStatus:
        """End a running job as failed; see :meth:`succeed`."""
        return self._end(job, JobStatus.FAILED, error=error)

    def confirm_cancel(self, job: Job) -> JobStatus:
        """End a running job as canceled; see :meth:`succeed`."""
        return self._end(job, JobStatus.CANCELED)

    @needs_redis
    def hand_back(self, job: Job, **fields: str) -> JobStatus:
        """Queue a running job again, without using up an attempt; see :meth:`succeed`."""
        args = [job.id, job.lease_owner, *flatten(fields)]
        reply = self._hand_back(keys=[job_key(job.id)], args=args)
        return JobStatus(check_owner(job, reply))

    @needs_redis
    def _end(self, job: Job, status: JobStatus, **fields: BaseModel) -> JobStatus:
        args = [job.id, job.lease_owner, status.value, *flatten(_texts(fields))]
        reply = self._finish(keys=[job_key(job.id)], args=args)
        return JobStatus(check_owner(job, reply))


def check_owner(job: Job, reply: Any) -> str:
    """Return the reply of a script that writes for an attempt.

    Raises:
        StaleAttempt: the reply is empty, because the attempt no longer owns the job.
    """
    if reply is None:
        raise StaleAttempt(f"attempt {job.attempt} no longer owns job {job.id}")
    return str(reply)


def _texts_of(capacity: Capacity) -> list[str]:
    memory, precision, avoided = capacity
    return ["" if memory is None else str(memory), precision or "", " ".join(sorted(avoided))]


def _texts(fields: Mapping[str, BaseModel | str]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else value.model_dump_json()
        for name, value in fields.items()
    }
