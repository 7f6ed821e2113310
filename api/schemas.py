"""What the api answers with: the Job, and the problem."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from core.jobs import Failure, Job, JobStatus, Progress
from core.params import StyleParams
from core.webhooks import Delivery, WebhookEvent, delivery_id
from core.workers import WorkerInfo


class Links(BaseModel):
    """Where to go from a job, relative to the server."""

    model_config = ConfigDict(populate_by_name=True)

    self_: str = Field(alias="self")
    result: str
    cancel: str
    signed: str = Field(description="Where to get links that need no API key.")


class MetricsView(BaseModel):
    """What the job took."""

    attempts: int = Field(description="How many workers began it; the last one ended it.")
    optimize_seconds: float | None
    device: str | None


class DeliveryView(Delivery):
    """One event, told or still to be told."""

    id: str = Field(description="The `webhook-id`, the same at every attempt.")
    event: WebhookEvent


class WebhookView(BaseModel):
    """Whom the job's events are told, and how that stands. It goes on after the job is done."""

    url: str
    events: tuple[WebhookEvent, ...]
    deliveries: list[DeliveryView] = Field(description="Of the events that have happened.")


def webhook_view(job: Job) -> WebhookView | None:
    """The webhook as the api shows it."""
    if job.webhook is None:
        return None
    deliveries = [
        DeliveryView(**delivery.model_dump(), id=delivery_id(job.id, event), event=event)
        for event in WebhookEvent
        if (delivery := job.deliveries.get(event))
    ]
    return WebhookView(url=job.webhook.url, events=job.webhook.events, deliveries=deliveries)


class JobView(BaseModel):
    """A job. Once `done` is true it never changes again, except that its files expire."""

    id: str
    status: JobStatus
    done: bool = Field(description="Whether the status is final.")
    queue_position: int | None = Field(description="Jobs before this one, while it is queued.")
    params: StyleParams
    progress: Progress | None
    error: Failure | None
    webhook: WebhookView | None = Field(description="Whom the job's events are told, if anybody.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(
        description="When its files are removed. The job itself can be asked for a week longer."
    )
    metrics: MetricsView
    links: Links


def job_view(job: Job, queue_position: int | None) -> JobView:
    """The Job as the api shows it."""
    url = f"/jobs/{job.id}"
    return JobView(
        id=job.id,
        status=job.status,
        done=job.status.done,
        queue_position=queue_position,
        params=job.params,
        progress=job.progress,
        error=job.error,
        webhook=webhook_view(job),
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        metrics=_metrics_view(job),
        links=Links(
            self_=url, result=f"{url}/result", cancel=f"{url}/cancel", signed=f"{url}/links"
        ),
    )


def _metrics_view(job: Job) -> MetricsView:
    metrics = job.metrics if job.status.done else None
    return MetricsView(
        attempts=job.attempts,
        optimize_seconds=metrics and metrics.optimize_seconds,
        device=metrics and metrics.device,
    )


class FieldProblem(BaseModel):
    """One bad field of a request."""

    field: str
    message: str


class Problem(BaseModel):
    """What went wrong, as RFC 9457 writes it, with a stable `code` for programs."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[FieldProblem] | None = Field(None, description="The bad fields, if any.")


class WorkerView(BaseModel):
    """A worker that is alive. Which job it runs is nobody's business but the job's owner's."""

    id: str
    device: str
    networks: tuple[str, ...]
    memory_total_bytes: int
    memory_available_bytes: int
    busy: bool = Field(description="Whether it runs a job now.")


def worker_view(worker: WorkerInfo) -> WorkerView:
    """The worker as the api shows it."""
    fields = worker.model_dump(exclude={"job_id"})
    return WorkerView(**fields, busy=worker.job_id is not None)


class Readiness(BaseModel):
    """Whether each part that a job needs is there."""

    ready: bool
    missing: list[str] = Field(description="What is not there: redis, blobs, workers.")
    redis: str = Field(description="`ok`, or what is wrong.")
    blobs: str = Field(description="`ok`, or what is wrong.")
    workers: list[WorkerView] = Field(description="The workers that are alive.")
