"""What a receiver of webhooks needs to know."""

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
    """What the caller's webhooks are signed with."""

    secret: str = Field(
        description="`whsec_` and base64, as the libraries of Standard Webhooks take it.",
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
    """The secret that a receiver checks the signatures of your webhooks with."""
    response.headers["Cache-Control"] = "no-store"
    return WebhookSecret(secret=services.webhooks.of(caller.name)[0])


_HEADERS = {
    "webhook-id": "The same whenever this event is sent: it can come twice.",
    "webhook-timestamp": "When it was sent, in seconds since 1970.",
    "webhook-signature": "`v1,` and a signature, as Standard Webhooks says.",
}


def webhook_operations() -> dict[str, Any]:
    """What is posted to a ``webhook_url``, as OpenAPI describes it."""
    return {event.value: {"post": _described(event)} for event in WebhookEvent}


def _described(event: WebhookEvent) -> dict[str, Any]:
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
        "summary": f"Job {event.word}.",
        "description": f"Sent to the `webhook_url` of a job at `{event.value}`.",
        "operationId": f"on_{event.value.replace('.', '_')}",
        "tags": ["webhooks"],
        "parameters": headers,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "2XX": {"description": "It was received."},
            "410": {"description": "Nothing more of this job is wanted."},
        },
    }


_TEXT = {"type": "string"}
