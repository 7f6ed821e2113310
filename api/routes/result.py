"""The result of a job: the stylised picture."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from api.answers.conditional import etag_matches, not_modified
from api.answers.error_docs import error_responses
from api.callers.visibility import VisibleJobDep
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
from core.jobs.job import Job, Picture
from core.jobs.status import JobStatus
from core.params import PictureFormat

router = APIRouter(tags=["pictures"])
_logger = logging.getLogger(__name__)

_PICTURE = {"schema": {"type": "string", "format": "binary"}}
_ETAG = {"description": "Identifies the picture.", "schema": {"type": "string"}}


@router.get(
    "/jobs/{job_id}/result",
    operation_id="get_result",
    response_class=Response,
    responses={
        200: {
            "description": "The complete picture. Range requests are not supported.",
            "content": {each.media_type: _PICTURE for each in PictureFormat},
            "headers": {"ETag": _ETAG},
        },
        304: {
            "description": "Not modified: the client has this picture.",
            "headers": {"ETag": _ETAG},
        },
        **error_responses(403, 404, 409, 410, 422, 503),
    },
)
def get_result(job: VisibleJobDep, services: ServicesDep, request: Request) -> Response:
    """Return the stylised picture of a job that has succeeded."""
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
        raise ResultExpired(
            f"the result of job {job.id} was removed; submit the job again"
        ) from error
    except BlobCorrupt as error:
        _logger.error("result damaged", extra={"job_id": job.id, "reason": str(error)})
        raise ResultDamaged(
            f"the result of job {job.id} is damaged; submit the job again"
        ) from error
    return Response(data, media_type=result.media_type, headers=headers)


def _result_of(job: Job) -> Picture:
    if not job.status.done:
        raise JobNotFinished(
            f"job {job.id} is {job.status.value}; poll {f'/jobs/{job.id}'} until `done` is true"
        )
    if job.status is JobStatus.CANCELED:
        raise JobCanceled(f"job {job.id} was canceled, so it has no result")
    if job.status is not JobStatus.SUCCEEDED or job.result is None:
        reason = job.error.message if job.error else "it has no result"
        raise JobFailed(f"job {job.id} {job.status.value}: {reason}")
    assert job.expires_at is not None
    if job.expires_at <= datetime.now(UTC):
        raise ResultExpired(
            f"the result of job {job.id} expired at {job.expires_at:%Y-%m-%d %H:%M:%SZ}; "
            "submit the job again"
        )
    return job.result
