"""What the record of a failed job says about the error."""

from __future__ import annotations

from core.errors import EaselError
from core.jobs.job import Failure
from worker.host.memory import is_out_of_memory


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
