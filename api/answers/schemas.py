"""What the api answers with: the Job, and the problem."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from core.jobs.job import Failure, JobStatus, Progress
from core.params import StyleParams
from core.webhooks.webhook import Delivery, Webhook, WebhookEvent, delivery_id


class Links(BaseModel):
    """Where to go from a job, relative to the server."""

    model_config = ConfigDict(populate_by_name=True)

    self_: str = Field(alias="self")
    result: str
    preview: str
    events: str
    cancel: str
    signed: str = Field(description="Where to get links that need no API key.")


class MetricsView(BaseModel):
    """What the job took."""

    queued_seconds: float | None = Field(description="From its creation to its first start.")
    run_seconds: float | None = Field(description="From its first start to its end.")
    optimize_seconds: float | None = Field(description="What the last attempt took to paint.")
    steps: int | None = Field(description="The steps of all scales.")
    device: str | None = Field(description="What it was painted on.")
    peak_memory_bytes: int | None = Field(
        description="The most memory that the device had in use for it; on the CPU, the worker."
    )
    attempts: int = Field(description="How many workers began it; the last one ended it.")


class ProgressView(Progress):
    """How far a job has come."""

    preview_version: int = Field(description="Rises with every new preview; 0 before the first.")


class DeliveryView(Delivery):
    """One event, told or still to be told."""

    id: str = Field(description="The `webhook-id`, the same at every attempt.")
    event: WebhookEvent


class WebhookView(BaseModel):
    """Whom the job's events are told, and how that stands. It goes on after the job is done."""

    url: str
    events: tuple[WebhookEvent, ...]
    deliveries: list[DeliveryView] = Field(description="Of the events that have happened.")


def webhook_view(
    job_id: str, webhook: Webhook, told: Mapping[WebhookEvent, Delivery]
) -> WebhookView:
    """The webhook as the api shows it."""
    deliveries = [
        DeliveryView(**delivery.model_dump(), id=delivery_id(job_id, event), event=event)
        for event in WebhookEvent
        if (delivery := told.get(event))
    ]
    return WebhookView(url=webhook.url, events=webhook.events, deliveries=deliveries)


class JobView(BaseModel):
    """A job. Once `done` is true it never changes again, except that its files expire."""

    id: str
    status: JobStatus
    done: bool = Field(description="Whether the status is final.")
    queue_position: int | None = Field(description="Jobs before this one, while it is queued.")
    estimated_start_at: datetime | None = Field(
        description="When it will probably be started, while it is queued and that is known."
    )
    params: StyleParams
    progress: ProgressView | None
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
