"""The statuses of a job, and the legal transitions between them."""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """The status of a job."""

    QUEUED = "queued"  #: Accepted, and waiting for a worker.
    RUNNING = "running"  #: Claimed by a worker, which is optimising.
    SUCCEEDED = "succeeded"  #: The result is available.
    FAILED = "failed"  #: Ended without a result; `error` has the reason.
    CANCELED = "canceled"  #: Canceled by the caller.

    @property
    def done(self) -> bool:
        """Whether the status is final."""
        return not TRANSITIONS[self]


#: Every legal transition. The Lua scripts in ``core/store/lua`` make them atomically.
TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELED}),
    JobStatus.RUNNING: frozenset(
        {JobStatus.QUEUED, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED}
    ),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELED: frozenset(),
}

#: The statuses that a job never leaves.
FINAL_STATUSES = frozenset(status for status in JobStatus if status.done)
