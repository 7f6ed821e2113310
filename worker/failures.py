"""What becomes of a job after an error: what its record says, or nothing if the device is lost."""

from __future__ import annotations

from core.errors import EaselError
from core.jobs.job import Failure
from core.nst.network.cuda.errors import is_out_of_memory


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
