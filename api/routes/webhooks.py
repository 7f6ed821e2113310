"""The webhook secret of a caller, and the description of webhooks for OpenAPI."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.answers.error_docs import error_responses
from api.callers.authentication import CallerDep
from api.deps import ServicesDep
from core.webhooks.webhook import WebhookEvent

router = APIRouter(tags=["webhooks"])


class WebhookSecret(BaseModel):
    """The secret that signs the caller's webhooks."""

    secret: str = Field(
        description="The format of the Standard Webhooks libraries: `whsec_` and base64.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


@router.get(
    "/webhooks/secret",
    operation_id="get_webhook_secret",
    response_model=WebhookSecret,
    responses=error_responses(503),
)
def get_webhook_secret(
    services: ServicesDep, caller: CallerDep, response: Response
) -> WebhookSecret:
    """Return the secret that verifies the signatures of your webhooks."""
    response.headers["Cache-Control"] = "no-store"
    return WebhookSecret(secret=services.webhooks.of(caller.name)[0])


_HEADERS = {
    "webhook-id": "The id of the event, the same in every attempt. An event can arrive twice.",
    "webhook-timestamp": "The time of the attempt, in seconds since 1970.",
    "webhook-signature": "`v1,` and the signature, as specified by Standard Webhooks.",
}


def webhook_operations() -> dict[str, Any]:
    """Return the OpenAPI operations of the requests to a ``webhook_url``."""
    return {event.value: {"post": _operation(event)} for event in WebhookEvent}


def _operation(event: WebhookEvent) -> dict[str, Any]:
    body = {
        "type": "object",
        "properties": {
            "type": {"const": event.value},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"$ref": "#/components/schemas/JobView"},
        },
        "required": ["type", "timestamp", "data"],
    }
    headers = [
        {"name": name, "in": "header", "required": True, "description": text, "schema": _TEXT}
        for name, text in _HEADERS.items()
    ]
    return {
        "summary": f"Job {event.word}",
        "description": f"Sent to the `webhook_url` of a job for the event `{event.value}`.",
        "operationId": f"on_{event.value.replace('.', '_')}",
        "tags": ["webhooks"],
        "parameters": headers,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "2XX": {"description": "The event was received."},
            "410": {"description": "Send no further events of this job."},
        },
    }


_TEXT = {"type": "string"}
