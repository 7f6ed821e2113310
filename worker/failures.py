"""What becomes of a job after an error: what its record says, or nothing if the device is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from core.errors import EaselError, RedisUnavailable, StaleAttempt
from core.jobs.job import Failure, Job
from core.jobs.status import JobStatus
from core.nst.network.cuda.errors import is_device_lost, is_out_of_memory
from core.store.jobs import JobStore

_logger = logging.getLogger(__name__)

_T = TypeVar("_T")


class DeviceLost(Exception):
    """The device failed while a job ran, and this process cannot use it any more.

    The job is not to blame. Its record stays as it is: its lease expires, and another process
    runs it.

    Args:
        job_id: the job.
        reason: the message of the error.
    """

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(reason)
        self.job_id = job_id


def or_fail(store: JobStore, job: Job, work: Callable[[], _T]) -> _T | JobStatus:
    """Return the result of some work for a job; the new status of the job if it fails.

    Raises:
        StaleAttempt: another attempt owns the job.
        RedisUnavailable: Redis stayed unreachable for too long.
        DeviceLost: the device failed.
    """
    try:
        return work()
    except (StaleAttempt, RedisUnavailable):
        raise
    except Exception as error:
        if is_device_lost(error):
            raise DeviceLost(job.id, str(error)) from error
        # Whatever else goes wrong, the job must end.
        failure = failure_of(error)
        status = store.fail(job, failure)
        _logger.exception("job failed", extra={"code": failure.code})
        return status


def failure_of(error: Exception) -> Failure:
    """Return what the caller learns about an error. Internal details stay in the log."""
    if isinstance(error, EaselError):
        return Failure(code=error.code, message=str(error), retryable=error.retryable)
    if is_out_of_memory(error):
        return Failure(
            code="out_of_memory",
            message="the picture does not fit into the worker's memory; request a smaller size",
            retryable=False,
        )
    return Failure(
        code=EaselError.code,
        message="an unexpected error, which the worker has logged with the job's id",
        retryable=True,
    )
