"""The Batch as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from api.answers.schemas import WebhookView, webhook_view
from core.jobs.batch import Batch, BatchMode
from core.jobs.status import JobStatus


class BatchLinks(BaseModel):
    """The URLs of a batch, relative to the server."""

    model_config = ConfigDict(populate_by_name=True)

    self_: str = Field(alias="self")
    events: str
    cancel: str
    result: str
    jobs: str = Field(description="The list of its jobs.")


class BatchJob(BaseModel):
    """A job of a batch."""

    id: str
    name: str = Field(description="The name of its result in the archive, without the suffix.")
    status: JobStatus
    link: str = Field(description="The URL of the job, relative to the server.")


class BatchView(BaseModel):
    """A batch of jobs. Once `done` is true, it changes only if its jobs are deleted."""

    id: str
    mode: BatchMode = Field(description="How the pictures were combined.")
    done: bool = Field(description="Whether every job has ended.")
    counts: dict[JobStatus, int] = Field(description="The number of jobs by status.")
    jobs: list[BatchJob] = Field(
        description="The jobs, in the order of the content pictures and then of the paintings, "
        "without those that were deleted."
    )
    webhook: WebhookView | None = Field(description="The webhook of the batch, if it has one.")
    created_at: datetime
    finished_at: datetime | None = Field(description="When the last of its jobs ended.")
    expires_at: datetime | None = Field(
        description="When the files of that job are removed. Each job has a time of its own."
    )
    links: BatchLinks


def batch_view(batch: Batch, server: str = "") -> BatchView:
    """Return a batch as the API shows it.

    Args:
        batch: the batch.
        server: what precedes the paths of the links: a base URL, or a path prefix.
    """
    url = f"{server}/batches/{batch.id}"
    counts: Mapping[JobStatus, int] = Counter(batch.statuses.values())
    webhook = batch.webhook and webhook_view(batch.id, batch.webhook, batch.deliveries)
    return BatchView(
        id=batch.id,
        mode=batch.mode,
        done=batch.done,
        counts={status: counts[status] for status in JobStatus},
        jobs=[
            BatchJob(
                id=job_id,
                name=batch.names.get(job_id, job_id),
                status=status,
                link=f"{server}/jobs/{job_id}",
            )
            for job_id, status in batch.statuses.items()
        ],
        webhook=webhook,
        created_at=batch.created_at,
        finished_at=batch.finished_at,
        expires_at=batch.expires_at,
        links=BatchLinks(
            self_=url,
            events=f"{url}/events",
            cancel=f"{url}/cancel",
            result=f"{url}/result",
            jobs=f"{server}/jobs?batch={batch.id}",
        ),
    )


def batch_document(batch: Batch, server: str = "") -> str:
    """Return a batch as JSON; see :func:`batch_view`."""
    return batch_view(batch, server).model_dump_json(by_alias=True)
