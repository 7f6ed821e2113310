"""Brings back the jobs that nobody works on and nobody was told of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from core.errors import WorkerLost
from core.jobs.job import Failure, JobStatus
from core.jobs.schema_version import SCHEMA, Bystander, newer_schema
from core.queue.app import JobQueue, Messages
from core.runtime.redis import needs_redis
from core.store.keys import JOBS_QUEUED, JOBS_RUNNING, LEASES_CHECKED, job_key
from core.store.scripts import pairs, script

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: So many jobs at the head of the queue are looked at in one sweep. Messages are taken
#: nearly, but not quite, in the order in which the jobs were written.
_LOOKED_AT = 200


class Reaper:
    """Looks after the jobs whose worker died, or whose message was lost.

    The api and every worker have one. Each sweep is made by whichever of them
    comes first; the others then have nothing to do.

    Args:
        redis: a client with ``decode_responses=True``.
        queue: tells the workers.
        lease_seconds: how long a worker may be silent.
        every_seconds: between two sweeps.
        max_attempts: how many workers a job may lose.
    """

    def __init__(
        self,
        redis: Redis,
        queue: JobQueue,
        *,
        lease_seconds: float,
        every_seconds: float,
        max_attempts: int,
    ) -> None:
        self._redis = redis
        self._queue = queue
        self._messages = Messages(redis)
        self._lease_seconds = lease_seconds
        self._every_seconds = every_seconds
        self._max_attempts = max_attempts
        self._script = script(redis, "lib/newer", "lib/listed", "lib/tell", "jobs/sweep")
        self._bystander = Bystander("reaper")

    def sweep(self) -> None:
        """Queue again what a worker was lost with, and announce what has no message.

        Raises:
            ServiceUnavailable: Redis is away; the next sweep does what this one did not.
        """
        moved = self._end_lost_attempts()
        if moved is None:
            return
        for job_id, status in moved.items():
            _logger.warning("lease ran out", extra={"job_id": job_id, "status": status.value})
        self._announce([job_id for job_id, status in moved.items() if status is JobStatus.QUEUED])
        untold = [job_id for job_id in self._without_message() if job_id not in moved]
        for job_id in self._announce(untold):
            _logger.warning("queued job had no message", extra={"job_id": job_id})

    def _announce(self, job_ids: list[str]) -> list[str]:
        """Tell the workers of those jobs that this version knows; give their ids."""
        schemas = self._schemas(job_ids)
        newer = {job_id: text for job_id, text in schemas.items() if newer_schema({SCHEMA: text})}
        self._bystander.leaves(newer)
        known = [job_id for job_id in job_ids if job_id not in newer]
        for job_id in known:
            self._queue.announce(job_id, first=True, schema=int(schemas[job_id]))
        return known

    @needs_redis
    def _schemas(self, job_ids: list[str]) -> dict[str, str]:
        """Of the jobs' records, by their ids."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hget(job_key(job_id), SCHEMA)
            found = cast("list[str | None]", pipeline.execute())
        return {job_id: text or "1" for job_id, text in zip(job_ids, found, strict=True)}

    @needs_redis
    def _end_lost_attempts(self) -> dict[str, JobStatus] | None:
        """The new status of each job; None if somebody else swept just now."""
        lost = WorkerLost(f"{self._max_attempts} workers were lost while they ran the job")
        error = Failure(code=lost.code, message=str(lost), retryable=lost.retryable)
        reply = self._script(
            keys=[JOBS_RUNNING, JOBS_QUEUED, LEASES_CHECKED],
            args=[
                job_key(""),
                self._lease_seconds,
                self._every_seconds,
                self._max_attempts,
                error.model_dump_json(),
            ],
        )
        if reply is None:
            return None
        moved, left = reply
        self._bystander.leaves(pairs(left))
        return {job_id: JobStatus(status) for job_id, status in pairs(moved).items()}

    @needs_redis
    def _without_message(self) -> list[str]:
        """The first in the queue that no message tells of.

        Those behind them are looked at when it is their turn: a sweep costs the same
        however long the queue is, and a job is not started later for it.
        """
        # The messages first: a job of which one is taken in between is queued no more.
        told = self._messages.job_ids(2 * _LOOKED_AT)
        # A job is first written and then announced: what is new may just be on its way.
        now, _ = self._redis.time()
        before = now - max(1.0, self._every_seconds)
        queued = self._redis.zrange(
            JOBS_QUEUED, "-inf", before, byscore=True, offset=0, num=_LOOKED_AT
        )
        return [job_id for job_id in cast(list[str], queued) if job_id not in told]
