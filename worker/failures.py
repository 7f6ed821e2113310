"""What a caller is told of a job that broke."""

from __future__ import annotations

import torch

from core.errors import EaselError
from core.jobs.job import Failure


def _is_out_of_memory(error: Exception) -> bool:
    # torch has a class for a full GPU, and only a message for a full host.
    full = isinstance(error, RuntimeError) and "allocate memory" in str(error)
    return full or isinstance(error, (MemoryError, torch.OutOfMemoryError))


def failure_of(error: Exception) -> Failure:
    """What the caller is told of an error. Internals stay in the log."""
    if isinstance(error, EaselError):
        return Failure(code=error.code, message=str(error), retryable=error.retryable)
    if _is_out_of_memory(error):
        return Failure(
            code="out_of_memory",
            message="the picture does not fit into the worker's memory; ask for a smaller size",
            retryable=False,
        )
    return Failure(
        code=EaselError.code,
        message="an unexpected error, which the worker has logged with the job's id",
        retryable=True,
    )
