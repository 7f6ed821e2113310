"""Requeues jobs whose lease expired, replaces lost messages, and ends drafts that nobody reads."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, cast

from core.errors import WorkerLost
from core.jobs.job import Failure
from core.jobs.schema_version import SCHEMA, NewerRecordLog, newer_schema
from core.jobs.status import JobStatus
from core.queue.app import JobQueue, Messages
from core.runtime.redis import needs_redis
from core.store.keys import JOBS_QUEUED, QUEUE_PAUSED, job_key
from core.store.scripts import script
from core.store.serialization import pairs

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: The most queued jobs that a sweep sees to it that there are messages for. The messages for the
#: others can wait until these have started.
_CHECKED_JOBS = 200


class Reaper:
    """Recovers jobs whose worker died, and wakes workers whose messages were lost.

    The api and every worker run a reaper. The first one that is due makes the sweep; the
    others then have nothing to do.

    Args:
        redis: a client with ``decode_responses=True``.
        queue: announces jobs to the workers.
        lease_seconds: how long a lease lasts without being renewed.
        every_seconds: the time between two sweeps.
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
        self._expire_leases = script(redis, "jobs/expire_leases")
        self._expire_drafts = script(redis, "drafts/expire")
        self._newer_records = NewerRecordLog("reaper")

    def sweep(self) -> None:
        """Requeue jobs whose lease expired, replace lost messages, and end unread drafts.

        Raises:
            ServiceUnavailable: Redis is unavailable. The next sweep does what is left.
        """
        changed = self._end_expired_attempts()
        if changed is None:
            return
        for job_id, status in changed.items():
            extra = {"job_id": job_id, "status": status.value}
            _logger.warning("attempt ended: its lease expired", extra=extra)
        for job_id in self._end_drafts():
            _logger.info("draft ended: nobody has read it", extra={"job_id": job_id})
        requeued = [job_id for job_id, status in changed.items() if status is JobStatus.QUEUED]
        for job_id, schema in self._known(requeued).items():
            self._queue.announce(job_id, schema=schema)
        for job_id, schema in self._without_message().items():
            self._queue.announce(job_id, schema=schema)
            _logger.info("job announced again: a message is missing", extra={"job_id": job_id})

    @needs_redis
    def _known(self, job_ids: list[str]) -> dict[str, int]:
        """Return the schema versions of the jobs that this version can read, by the job id."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hget(job_key(job_id), SCHEMA)
            texts = cast("list[str | None]", pipeline.execute())
        schemas = {job_id: text or "1" for job_id, text in zip(job_ids, texts, strict=True)}
        newer = {job_id: text for job_id, text in schemas.items() if newer_schema({SCHEMA: text})}
        self._newer_records.report(newer)
        return {job_id: int(text) for job_id, text in schemas.items() if job_id not in newer}

    @needs_redis
    def _end_drafts(self) -> list[str]:
        return cast(list[str], self._expire_drafts())

    @needs_redis
    def _end_expired_attempts(self) -> dict[str, JobStatus] | None:
        """Return the new status of each job; None if another process has just swept."""
        lost = WorkerLost(f"{self._max_attempts} workers were lost while they ran the job")
        error = Failure(code=lost.code, message=str(lost), retryable=lost.retryable)
        reply = self._expire_leases(
            args=[
                self._lease_seconds,
                self._every_seconds,
                self._max_attempts,
                error.model_dump_json(),
            ]
        )
        if reply is None:
            return None
        changed, newer = reply
        self._newer_records.report(pairs(newer))
        return {job_id: JobStatus(status) for job_id, status in pairs(changed).items()}

    @needs_redis
    def _without_message(self) -> dict[str, int]:
        """Return as many queued jobs as messages are missing, with their schema versions.

        A message starts one job, whichever goes next. So no worker stays idle as long as there
        are as many messages as jobs. While the queue is paused, a message starts nothing.
        """
        if self._redis.exists(QUEUE_PAUSED):
            return {}
        # Count the messages first: a job whose message is taken in between is no longer queued.
        messages = self._messages.count()
        missing = self._redis.zcard(JOBS_QUEUED) - messages
        # A job is created before it is announced, so the message of a new job may be on its way.
        now, _ = self._redis.time()
        created_before = now - max(1.0, self._every_seconds)
        queued = self._redis.zrange(
            JOBS_QUEUED, "-inf", created_before, byscore=True, offset=0, num=_CHECKED_JOBS
        )
        known = self._known(cast(list[str], queued)) if missing > 0 else {}
        return dict(islice(known.items(), max(0, missing)))
