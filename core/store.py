"""Job records in Redis.

A record is a hash. It changes only inside the Lua scripts under ``core/lua``:
each checks the state it expects, writes, and keeps the indexes in step, in one
go. Times are the server's, so that hosts need not agree on theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

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

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

#: What the keys of the records start with; the job's id follows.
JOB_KEY = "easel:job:"

_JOBS_QUEUED = "easel:jobs:queued"
_JOBS_RUNNING = "easel:jobs:running"
_RUN_SECONDS = "easel:run-seconds"

#: The terms on which every job is taken.
_ANY = Admission(caller="anonymous", max_queue=10**9, max_jobs_per_caller=10**9)

#: The fields of the record that hold JSON.
_JSON_FIELDS = frozenset({"params", "inputs", "progress", "result", "metrics", "error"})


class JobStore:
    """Reads job records, and makes every legal change to one.

    Args:
        redis: a client with ``decode_responses=True``.
        retention: how long the files of the jobs that it creates stay after their end.
    """

    def __init__(self, redis: Redis, retention: timedelta = RETENTION) -> None:
        self._redis = redis
        self._retention = retention
        self._ask = _script(redis, "load", "ask")
        self._create = _script(redis, "load", "create")
        self._claim = _script(redis, "claim")
        self._progress = _script(redis, "progress")
        self._finish = _script(redis, "finish")
        self._discard = _script(redis, "discard")

    @needs_redis
    def load(self, caller: str) -> Load:
        """How busy the service is, and how much of that is the caller's."""
        keys = [_JOBS_QUEUED, _JOBS_RUNNING, _RUN_SECONDS]
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
            "params": params.model_dump_json(),
            "inputs": inputs.model_dump_json(),
            "retention_seconds": self._retention.total_seconds(),
        }
        limits = (admission.max_queue, admission.max_jobs_per_caller)
        load, record = self._create(
            keys=[_key(job_id), _JOBS_QUEUED, _JOBS_RUNNING, _RUN_SECONDS],
            args=[job_id, admission.caller, *limits, *_flat(fields)],
        )
        if record is None:
            admission.check_load(_load(load))
            raise AssertionError(f"create.lua refuses {load}, and {admission} does not")
        return _read(record)

    @needs_redis
    def get(self, job_id: str) -> Job:
        """The job of that id.

        Raises:
            JobNotFound: there is none.
        """
        record = (
            cast(dict[str, str], self._redis.hgetall(_key(job_id))) if is_job_id(job_id) else {}
        )
        if not record:
            raise JobNotFound(f"there is no job {job_id!r}; it may have expired")
        return _parse(record)

    @needs_redis
    def queue_position(self, job_id: str) -> int | None:
        """How many jobs are before this one in the queue; None if it is not queued."""
        return cast("int | None", self._redis.zrank(_JOBS_QUEUED, job_id))

    @needs_redis
    def claim(self, job_id: str) -> Job | None:
        """queued to running: begin an attempt. None if the job is not queued, or unknown."""
        record = self._claim(keys=[_key(job_id), _JOBS_QUEUED, _JOBS_RUNNING], args=[job_id])
        return _read(record) if record else None

    @needs_redis
    def write_progress(self, job: Job, progress: Progress) -> None:
        """Note how far the attempt has come.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        if not self._progress(keys=[_key(job.id)], args=[job.attempt, progress.model_dump_json()]):
            raise StaleAttempt(f"attempt {job.attempt} no longer owns job {job.id}")

    def succeed(self, job: Job, result: Picture, progress: Progress, metrics: Metrics) -> None:
        """running to succeeded; the result is in the blob store already.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        self._end(
            job,
            JobStatus.SUCCEEDED,
            {
                "result": result.model_dump_json(),
                "progress": progress.model_dump_json(),
                "metrics": metrics.model_dump_json(),
            },
        )

    def fail(self, job: Job, error: Failure) -> None:
        """running to failed.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        self._end(job, JobStatus.FAILED, {"error": error.model_dump_json()})

    @needs_redis
    def discard(self, job: Job) -> None:
        """Take back a job that could not be announced to the workers."""
        self._discard(keys=[_key(job.id), _JOBS_QUEUED], args=[job.id])

    @needs_redis
    def check(self) -> None:
        """Raise ServiceUnavailable unless the server answers."""
        self._redis.ping()

    @needs_redis
    def _end(self, job: Job, status: JobStatus, fields: Mapping[str, str]) -> None:
        ended = self._finish(
            keys=[_key(job.id), _JOBS_RUNNING, _RUN_SECONDS],
            args=[job.id, job.attempt, status.value, *_flat(fields)],
        )
        if not ended:
            raise StaleAttempt(f"attempt {job.attempt} no longer owns job {job.id}")


def _key(job_id: str) -> str:
    return JOB_KEY + job_id


def _script(redis: Redis, *names: str) -> Script:
    """One script, of the files one after the other."""
    folder = files("core").joinpath("lua")
    return redis.register_script("\n".join(folder.joinpath(f"{n}.lua").read_text() for n in names))


def _flat(fields: Mapping[str, Any]) -> list[Any]:
    return [item for pair in fields.items() for item in pair]


def _load(reply: Any) -> Load:
    queued, unfinished, run_seconds = reply
    return Load(queued, unfinished, None if run_seconds is None else float(run_seconds))


def _read(reply: Any) -> Job:
    """A job from a script's reply, which has field and value by turns."""
    return _parse(dict(zip(reply[::2], reply[1::2], strict=True)))


def _parse(record: Mapping[str, str]) -> Job:
    return Job.model_validate(
        {
            field: json.loads(value) if field in _JSON_FIELDS else value
            for field, value in record.items()
        }
    )
