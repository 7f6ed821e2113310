"""The webhook deliveries and the secret of a caller, and webhooks in OpenAPI."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.answers.error_docs import error_responses
from api.answers.schemas import ListedDelivery, webhook_view
from api.callers.authentication import CallerDep
from api.callers.visibility import owned
from api.deps import ServicesDep
from api.routes.listing import JOB_CURSOR
from core.errors import DeliveryNotFound
from core.jobs.batch import Batch
from core.jobs.job import Job, account_of
from core.store.listing import MAX_PAGE
from core.store.serialization import parse_job
from core.webhooks.webhook import DeliveryState, WebhookEvent, parse_delivery_id

router = APIRouter(tags=["webhooks"])

_DAY, _WEEK = 86_400, 604_800

#: The maximum of pages of jobs that are read for one page of deliveries.
_MAX_PAGES = 10


class WebhookSecret(BaseModel):
    """The secret that signs the caller's webhooks."""

    secret: str = Field(
        description="The format of the Standard Webhooks libraries: `whsec_` and base64.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


@router.get(
    "/webhooks/secret",
    operation_id="get_webhook_secret",
    summary="Read the secret that signs your webhooks",
    response_model=WebhookSecret,
    responses=error_responses(503),
)
def get_webhook_secret(
    services: ServicesDep, caller: CallerDep, response: Response
) -> WebhookSecret:
    """Return the secret that verifies the signatures of your webhooks."""
    response.headers["Cache-Control"] = "no-store"
    return WebhookSecret(secret=services.webhooks.of(account_of(caller.name))[0])


class RotatedSecret(WebhookSecret):
    """The new secret of the caller."""

    previous_valid_until: datetime | None = Field(
        description="Until when webhooks are also signed with the previous secret; null if there "
        "was none."
    )


@router.post(
    "/webhooks/secret/rotate",
    operation_id="rotate_webhook_secret",
    summary="Replace the secret that signs your webhooks",
    response_model=RotatedSecret,
    responses=error_responses(409, 422, 503),
)
def rotate_webhook_secret(
    services: ServicesDep,
    caller: CallerDep,
    response: Response,
    overlap: Annotated[
        int,
        Query(
            ge=0,
            le=_WEEK,
            description="How long webhooks are also signed with the previous secret, in seconds.",
        ),
    ] = _DAY,
) -> RotatedSecret:
    """Replace the secret that signs your webhooks.

    During the overlap each webhook has two signatures, so that a receiver accepts it with either
    secret.
    """
    response.headers["Cache-Control"] = "no-store"
    account = account_of(caller.name)
    until = services.webhooks.rotate(account, timedelta(seconds=overlap))
    secret, *_ = services.webhooks.of(account)
    return RotatedSecret(secret=secret, previous_valid_until=until)


class DeliveryPage(BaseModel):
    """A page of the caller's deliveries."""

    items: list[ListedDelivery]
    next_cursor: str | None = Field(
        description="The `cursor` of the next page; null at the end of the list."
    )


@router.get(
    "/webhooks/deliveries",
    operation_id="list_deliveries",
    summary="List the deliveries of your webhooks",
    responses=error_responses(422, 503),
)
def list_deliveries(
    services: ServicesDep,
    caller: CallerDep,
    state: Annotated[
        list[DeliveryState] | None,
        Query(description="Only deliveries in this state. Repeat it for several states."),
    ] = None,
    limit: Annotated[
        int,
        Query(
            ge=1,
            le=MAX_PAGE,
            description="The number of deliveries after which a page ends. It also ends after "
            f"{_MAX_PAGES * MAX_PAGE} jobs, and never within the deliveries of a job.",
        ),
    ] = 20,
    cursor: Annotated[
        str | None,
        Query(description="The `next_cursor` of the previous page.", pattern=JOB_CURSOR),
    ] = None,
) -> DeliveryPage:
    """List the webhook deliveries of your jobs, those of the newest jobs first."""
    items: list[ListedDelivery] = []
    for _ in range(_MAX_PAGES):
        page = services.store.listing.page(caller.name, after=cursor)
        for record, _position in page.jobs:
            items += _deliveries(record, state or tuple(DeliveryState))
            cursor = record["id"]
            if len(items) >= limit:
                return DeliveryPage(items=items, next_cursor=cursor)
        if not page.more:
            return DeliveryPage(items=items, next_cursor=None)
    return DeliveryPage(items=items, next_cursor=cursor)


def _deliveries(
    record: Mapping[str, str], states: Container[DeliveryState]
) -> Iterator[ListedDelivery]:
    if "deliveries" not in record:
        return
    job = parse_job(dict(record))
    assert job.webhook is not None
    for view in webhook_view(job.id, job.webhook, job.deliveries).deliveries:
        if view.state in states:
            yield ListedDelivery(**view.model_dump(), job_id=job.id, url=job.webhook.url)


@router.post(
    "/webhooks/deliveries/{delivery_id}/redeliver",
    status_code=202,
    operation_id="redeliver_webhook",
    summary="Send a webhook again",
    responses=error_responses(404, 503),
)
def redeliver(delivery_id: str, services: ServicesDep, caller: CallerDep) -> ListedDelivery:
    """Send a webhook again, whether it was delivered, given up or stopped.

    It is `pending` again, and has all of its attempts. A webhook that is being sent at this moment
    does not change.
    """
    try:
        job_id, event = parse_delivery_id(delivery_id)
    except ValueError:
        raise DeliveryNotFound(
            f"{delivery_id!r} is not the id of a delivery; see GET /webhooks/deliveries"
        ) from None
    store = services.store
    subject: Job | Batch
    if event is WebhookEvent.BATCH_FINISHED:
        subject = owned(store.batches.get(job_id), caller)
    else:
        subject = owned(store.get(job_id), caller)
    delivery = store.redeliver(subject.id, event)
    assert subject.webhook is not None
    (view,) = webhook_view(subject.id, subject.webhook, {event: delivery}).deliveries
    return ListedDelivery(**view.model_dump(), job_id=subject.id, url=subject.webhook.url)


_HEADERS = {
    "webhook-id": "The id of the event, the same in every attempt. An event can arrive twice.",
    "webhook-timestamp": "The time of the attempt, in seconds since 1970.",
    "webhook-signature": "`v1,` and the signature, as specified by Standard Webhooks.",
}


def webhook_operations() -> dict[str, Any]:
    """Return the OpenAPI operations of the requests to a ``webhook_url``."""
    return {event.value: {"post": _operation(event)} for event in WebhookEvent}


def _operation(event: WebhookEvent) -> dict[str, Any]:
    subject = event.value.partition(".")[0]
    body = {
        "type": "object",
        "properties": {
            "type": {"const": event.value},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"$ref": f"#/components/schemas/{subject.capitalize()}View"},
        },
        "required": ["type", "timestamp", "data"],
    }
    headers = [
        {"name": name, "in": "header", "required": True, "description": text, "schema": _TEXT}
        for name, text in _HEADERS.items()
    ]
    return {
        "summary": f"{subject.capitalize()} {event.word}",
        "description": f"Sent to the `webhook_url` of a {subject} for the event `{event.value}`.",
        "operationId": f"on_{event.value.replace('.', '_')}",
        "tags": ["webhooks"],
        "parameters": headers,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "2XX": {"description": "The event was received."},
            "410": {"description": f"Send no further events of this {subject}."},
        },
    }


_TEXT = {"type": "string"}
