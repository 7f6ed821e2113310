"""Signed links to a job's pictures and events, which need no API key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from api.answers.error_docs import error_responses
from api.callers.visibility import JobDep
from api.deps import ServicesDep

router = APIRouter(tags=["pictures"])

_HOUR, _DAY = 3600, 86400


class SignedLinks(BaseModel):
    """Links for clients that cannot send an API key, such as `<img>` and `EventSource`."""

    result: str
    preview: str
    content: str
    film: str
    events: str
    expires_at: datetime = Field(description="The expiry time of the links.")


@router.get(
    "/jobs/{job_id}/links",
    operation_id="sign_links",
    summary="Create links that need no API key",
    responses=error_responses(404, 422, 503),
)
def sign_links(
    job: JobDep,
    services: ServicesDep,
    request: Request,
    response: Response,
    expires_in: Annotated[
        int, Query(ge=1, le=_DAY, description="The lifetime of the links, in seconds.")
    ] = _HOUR,
) -> SignedLinks:
    """Create links to the pictures and events of a job that need no API key and expire.

    Each link grants access to one resource of one job, to anyone who has the link. Links can be
    created before the pictures exist.
    """
    response.headers["Cache-Control"] = "no-store"
    prefix: str = request.scope.get("root_path", "")  # not signed: a proxy may remove it

    def sign(name: str) -> str:
        return prefix + services.store.links.sign(f"/jobs/{job.id}/{name}", expires_in)

    return SignedLinks(
        result=sign("result"),
        preview=sign("preview"),
        content=sign("content"),
        film=sign("film"),
        events=sign("events"),
        expires_at=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=expires_in),
    )
