"""A job as the server returns it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.jobs.job import Failure, Progress


class JobProgress(Progress):
    """The progress of a job, with the fields of a newer server."""

    model_config = ConfigDict(extra="allow")


class JobFailure(Failure):
    """The reason why a job failed, with the fields of a newer server."""

    model_config = ConfigDict(extra="allow")


class SubmittedJob(BaseModel):
    """A job as the server returned it. ``docs/api.md`` has the meaning of all fields.

    Fields of a newer server are kept as attributes. A job does not change: the methods of a client
    return a new one.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    #: ``queued``, ``running``, ``succeeded``, ``failed`` or ``canceled``.
    status: str
    #: Whether the status is final.
    done: bool
    #: The number of jobs ahead of this one while it is queued.
    queue_position: int | None = None
    #: Why it waits while it is queued.
    waiting: dict[str, Any] | None = None
    #: Whether it is a draft.
    draft: bool = False
    #: All parameters, by name.
    params: dict[str, Any] = Field(default_factory=dict)
    #: None before the first step.
    progress: JobProgress | None = None
    warnings: tuple[str, ...] = ()
    #: Why the job failed.
    error: JobFailure | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    #: When the job's files are removed.
    expires_at: datetime | None = None
    metrics: dict[str, Any] = Field(default_factory=dict)
    #: Addresses of the job, its result and so on, relative to the server.
    links: dict[str, str]

    @property
    def fraction(self) -> float:
        """The share of the work that is done, from 0 to 1."""
        return self.progress.fraction if self.progress else 0.0

    def describe_end(self) -> str:
        """Return how the job ended, in a sentence."""
        if self.error:
            return f"job {self.id} failed: {self.error.message} ({self.error.code})"
        return f"job {self.id} was {self.status}"
