"""Handing a job back: it is queued again, without using an attempt."""

from __future__ import annotations

import logging

from core.errors import ServiceUnavailable, StaleAttempt
from core.jobs.job import Job
from core.jobs.status import JobStatus
from core.nst import Step
from core.queue.app import JobQueue
from core.store.jobs import JobStore
from worker.lease import Lease
from worker.output.checkpoints import Checkpoints

_logger = logging.getLogger(__name__)


class Handover:
    """Hands jobs back.

    Args:
        store: the job records.
        queue: announces the jobs, so that another worker takes them.
    """

    def __init__(self, store: JobStore, queue: JobQueue) -> None:
        self._store = store
        self._queue = queue

    def after(self, step: Step, job: Job, lease: Lease, checkpoints: Checkpoints) -> JobStatus:
        """Save the run after a step and requeue its job. Announce it when its lease has ended."""
        saved = checkpoints.save(step)
        if saved is None:
            status = self._store.hand_back(job)
            checkpoints.keep_only(*lease.checkpoints())
            return status
        status = self._store.hand_back(
            job, checkpoint=saved.digest, checkpoint_bytes=str(saved.size_bytes)
        )
        checkpoints.keep_only(saved.digest)
        return status

    def in_the_middle(self, job: Job) -> bool:
        """Requeue a job from another thread, with its last saved checkpoint, and announce it.

        Returns:
            Whether it was handed back. Its step still computes, and must not go on.
        """
        try:
            status = self._store.hand_back(job)
        except (StaleAttempt, ServiceUnavailable):
            return False  # it has just ended, or its lease will
        _logger.warning("job handed back in the middle of a step", extra={"job_id": job.id})
        if status is JobStatus.QUEUED:
            self.announce(job)
        return True

    def announce(self, job: Job) -> None:
        """Tell the workers about a job."""
        try:
            self._queue.announce(job.id, schema=job.schema_version)
        except ServiceUnavailable as error:
            _logger.warning("job left to the reaper to announce", extra={"reason": str(error)})
