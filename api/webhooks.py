"""What a receiver of webhooks needs to know."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.callers import CallerDep
from api.deps import ServicesDep
from api.problems import problems

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
    responses=problems(503),
)
def get_webhook_secret(
    services: ServicesDep, caller: CallerDep, response: Response
) -> WebhookSecret:
    """The secret that a receiver checks the signatures of your webhooks with."""
    response.headers["Cache-Control"] = "no-store"
    return WebhookSecret(secret=services.webhooks.of(caller.name)[0])
