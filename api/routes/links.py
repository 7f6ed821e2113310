"""Signed links to a job's pictures and events, which need no API key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.answers.error_docs import error_responses
from api.callers.visibility import JobDep
from api.deps import ServicesDep

router = APIRouter(tags=["pictures"])

_HOUR, _DAY = 3600, 86400


class SignedLinks(BaseModel):
    """Links for an `<img>` and an `EventSource`, which cannot send an API key."""

    result: str
    preview: str
    events: str
    expires_at: datetime = Field(description="Until when they hold.")


@router.get(
    "/jobs/{job_id}/links", operation_id="sign_links", responses=error_responses(404, 422, 503)
)
def sign_links(
    job: JobDep,
    services: ServicesDep,
    response: Response,
    expires_in: Annotated[
        int, Query(ge=1, le=_DAY, description="For how many seconds they hold.")
    ] = _HOUR,
) -> SignedLinks:
    """Links to the job's pictures and events that hold for a while, for whoever has them.

    Each is for one of these, of one job. They can be made before there is a picture.
    """
    response.headers["Cache-Control"] = "no-store"
    sign = services.store.links.sign
    return SignedLinks(
        result=sign(f"/jobs/{job.id}/result", expires_in),
        preview=sign(f"/jobs/{job.id}/preview", expires_in),
        events=sign(f"/jobs/{job.id}/events", expires_in),
        expires_at=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=expires_in),
    )
