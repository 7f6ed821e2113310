"""The models of the responses: the Job, and the problem document.

A new field of the job record that clients see goes into ``core.jobs.job``, into ``JobView``
here, and into ``api.answers.job_json``; ``make check`` fails if one of them is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from core.jobs.job import Failure, Progress
from core.jobs.status import JobStatus
from core.jobs.waiting.reasons import Waiting
from core.jobs.waiting.turns import Priority
from core.params import StyleParams
from core.params.edits import Edit
from core.webhooks.webhook import Delivery, Webhook, WebhookEvent, delivery_id


class Links(BaseModel):
    """The URLs of a job, relative to the server."""

    model_config = ConfigDict(populate_by_name=True)

    self_: str = Field(alias="self")
    result: str
    preview: str
    film: str
    events: str
    cancel: str
    finish: str
    signed: str = Field(description="Returns signed links, which need no API key.")


class MetricsView(BaseModel):
    """What a job took: times, steps and memory."""

    queued_seconds: float | None = Field(description="From its creation to its first start.")
    run_seconds: float | None = Field(description="From its first start to its end.")
    optimize_seconds: float | None = Field(
        description="The duration of the optimisation in the last attempt."
    )
    steps: int | None = Field(description="The number of steps at all scales.")
    device: str | None = Field(description="The device that ran the optimisation.")
    peak_memory_bytes: int | None = Field(
        description="The peak memory of the device during the job; on the CPU, of the worker."
    )
    threads: int | None = Field(
        description="The number of threads that computed on the CPU; null on a GPU."
    )
    attempts: int = Field(description="The number of attempts, including the last one.")


class ProgressView(Progress):
    """The progress of a job."""

    preview_version: int = Field(
        description="Increases with every new preview; 0 before the first."
    )


class DeliveryView(Delivery):
    """The delivery of one event to the job's webhook."""

    id: str = Field(description="The `webhook-id`, the same for every attempt.")
    event: WebhookEvent


class ListedDelivery(DeliveryView):
    """A delivery in the list of all deliveries."""

    job_id: str = Field(description="The job, or for `batch.finished` the batch.")
    url: str = Field(description="The `webhook_url` of the job or batch.")


class WebhookView(BaseModel):
    """The webhook of a job, and its deliveries. They continue after the job is done."""

    url: str
    events: tuple[WebhookEvent, ...]
    deliveries: list[DeliveryView] = Field(
        description="The deliveries of the events that have occurred."
    )


def webhook_view(
    job_id: str, webhook: Webhook, deliveries: Mapping[WebhookEvent, Delivery]
) -> WebhookView:
    """Return the webhook of a job as the API shows it."""
    views = [
        DeliveryView(**delivery.model_dump(), id=delivery_id(job_id, event), event=event)
        for event in WebhookEvent
        if (delivery := deliveries.get(event))
    ]
    return WebhookView(url=webhook.url, events=webhook.events, deliveries=views)


class JobView(BaseModel):
    """A job. Once `done` is true, it no longer changes, except that its files expire."""

    id: str
    status: JobStatus
    done: bool = Field(description="Whether the status is final.")
    queue_position: int | None = Field(
        description="The number of jobs ahead of this one while it is queued."
    )
    estimated_start_at: datetime | None = Field(
        description="The estimated start time while the job is queued, if it is known."
    )
    waiting: Waiting | None = Field(description="Why the job waits while it is queued.")
    priority: Priority = Field(description="How urgent the job is among the jobs of its caller.")
    draft: bool = Field(description="Whether it is a draft.")
    params: StyleParams
    batch: str | None = Field(description="The batch that it was posted in, if any.")
    continued_from: str | None = Field(description="The job that this one continues, if any.")
    revision: int = Field(description="How often the parameters were changed with `PATCH`.")
    edits: tuple[Edit, ...] = Field(
        description="The changes of the parameters during the run. A job posted with these "
        "`params` and `edits` and the same pictures has the same result."
    )
    progress: ProgressView | None
    warnings: tuple[str, ...] = Field(
        description="Sentences that you should know, such as that a picture's file is cut off, or "
        "that the time limit ended the job."
    )
    error: Failure | None
    webhook: WebhookView | None = Field(description="The webhook of the job, if it has one.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(
        description="When the job's files are removed. The job itself is kept for another week."
    )
    metrics: MetricsView
    links: Links


class FieldProblem(BaseModel):
    """An invalid field of a request."""

    field: str
    message: str


class Problem(BaseModel):
    """An error as an RFC 9457 problem document, with a stable `code` for programs."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[FieldProblem] | None = Field(None, description="The invalid fields, if any.")
