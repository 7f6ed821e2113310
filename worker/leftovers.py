"""What an attempt leaves behind when its job is deleted under it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from core.blobs.blobs import Blobs
from core.errors import JobNotFound, StaleAttempt
from core.jobs.job import Job
from core.store.jobs import JobStore
from worker.checkpoints import Checkpoints

_logger = logging.getLogger(__name__)


@contextmanager
def clearing_up(store: JobStore, job: Job, checkpoints: Checkpoints) -> Iterator[None]:
    """Remove the attempt's checkpoints if the job is gone; another attempt may need them."""
    try:
        yield
    except StaleAttempt:
        if _is_gone(store, job):
            checkpoints.keep_only()
            _logger.info("job was deleted; its checkpoints are removed")
        raise


@contextmanager
def holding(store: JobStore, blobs: Blobs, job: Job, digests: list[str]) -> Iterator[None]:
    """Have the job hold the files of its result while they are written, and as long as it lives.

    Waits until a sweep that is just removing the same bytes has done so.
    """
    store.holds.hold(job.id, digests)
    try:
        yield
    except StaleAttempt:
        # If the job was deleted, nobody needs the files; if not, another attempt may.
        store.holds.release(blobs, digests, job_id=job.id if _is_gone(store, job) else "")
        raise


def _is_gone(store: JobStore, job: Job) -> bool:
    try:
        store.get(job.id)
    except JobNotFound:
        return True
    return False
