"""What an attempt leaves behind when its job is deleted under it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import JobNotFound, StaleAttempt
from core.jobs import Job
from core.store import JobStore
from worker.checkpoints import Checkpoints

_logger = logging.getLogger(__name__)


@contextmanager
def clearing_up(store: JobStore, job: Job, checkpoints: Checkpoints) -> Iterator[None]:
    """Remove the attempt's checkpoints if the job is gone; another attempt may need them."""
    try:
        yield
    except StaleAttempt:
        try:
            store.get(job.id)
        except JobNotFound:
            checkpoints.keep_only()
            _logger.info("job was deleted; its checkpoints are removed")
        raise
