"""The stylised picture, and links to it that can be given away."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from api.answers.conditional import etag_matches, not_modified
from api.answers.error_docs import error_responses
from api.callers.visibility import JobDep, VisibleJobDep
from api.deps import ServicesDep
from core.errors import (
    BlobCorrupt,
    BlobNotFound,
    JobCanceled,
    JobFailed,
    JobNotFinished,
    ResultDamaged,
    ResultExpired,
)
from core.jobs.job import Job, JobStatus, Picture

router = APIRouter(tags=["pictures"])
_logger = logging.getLogger(__name__)

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


_PICTURE = {"schema": {"type": "string", "format": "binary"}}
_TAG = {"description": "Changes with the picture.", "schema": {"type": "string"}}


@router.get(
    "/jobs/{job_id}/result",
    operation_id="get_result",
    response_class=Response,
    responses={
        200: {
            "description": "The picture, whole: ranges are not served.",
            "content": {
                f"image/{extension}": _PICTURE for extension in ("png", "jpeg", "webp", "tiff")
            },
            "headers": {"ETag": _TAG},
        },
        304: {"description": "You have it already.", "headers": {"ETag": _TAG}},
        **error_responses(403, 404, 409, 410, 422, 503),
    },
)
def get_result(job: VisibleJobDep, services: ServicesDep, request: Request) -> Response:
    """The stylised picture, once the job has succeeded."""
    result = _result_of(job)
    extension = result.media_type.removeprefix("image/")
    headers = {
        "ETag": f'"{result.sha256}"',
        "Cache-Control": "private, max-age=86400, immutable",
        "Content-Disposition": f'inline; filename="easel-{job.id}.{extension}"',
        "Accept-Ranges": "none",
    }
    if etag_matches(request, headers["ETag"]):
        return not_modified(headers)
    try:
        data = services.blobs.get(result.sha256)
    except BlobNotFound as error:
        raise ResultExpired(f"the result of job {job.id} was removed; submit it again") from error
    except BlobCorrupt as error:
        _logger.error("result damaged", extra={"job_id": job.id, "reason": str(error)})
        raise ResultDamaged(f"the result of job {job.id} is damaged; submit it again") from error
    return Response(data, media_type=result.media_type, headers=headers)


def _result_of(job: Job) -> Picture:
    if not job.status.done:
        raise JobNotFinished(
            f"job {job.id} is {job.status.value}; poll {f'/jobs/{job.id}'} until `done` is true"
        )
    if job.status is JobStatus.CANCELED:
        raise JobCanceled(f"job {job.id} was called off, so it has no result")
    if job.status is not JobStatus.SUCCEEDED or job.result is None:
        reason = job.error.message if job.error else "it has no result"
        raise JobFailed(f"job {job.id} is {job.status.value}: {reason}")
    assert job.expires_at is not None
    if job.expires_at <= datetime.now(UTC):
        raise ResultExpired(
            f"the result of job {job.id} expired at {job.expires_at:%Y-%m-%d %H:%M:%SZ}; "
            "submit it again"
        )
    return job.result
