"""The pictures of a finished job: its result, and a copy of its content."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.answers.conditional import etag_matches, not_modified
from api.answers.download import Download
from api.answers.error_docs import error_responses
from api.answers.ranges import requested_range
from api.callers.visibility import VisibleJobDep
from api.deps import Services, ServicesDep
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
_CONTENT = {each.media_type: _PICTURE for each in PictureFormat}
_ETAG = {"description": "Identifies the picture.", "schema": {"type": "string"}}


@router.get(
    "/jobs/{job_id}/result",
    operation_id="get_result",
    summary="Download the result",
    response_class=Response,
    responses={
        200: {
            "description": "The complete picture.",
            "content": _CONTENT,
            "headers": {"ETag": _ETAG},
        },
        206: {
            "description": "The part of the picture that `Range` asks for.",
            "content": _CONTENT,
        },
        304: {
            "description": "Not modified: the client has this picture.",
            "headers": {"ETag": _ETAG},
        },
        **error_responses(403, 404, 409, 410, 416, 422, 503),
    },
)
def get_result(
    job: VisibleJobDep,
    services: ServicesDep,
    request: Request,
    display: Annotated[
        bool,
        Query(
            description="Return a copy for screens if the result is large or browsers cannot "
            "display it: a JPEG, or a WebP if it is transparent."
        ),
    ] = False,
) -> Response:
    """Return the stylised picture of a job that has succeeded."""
    result = result_of(job)
    name = f"easel-{job.id}"
    if display and job.display is not None:
        result, name = job.display, f"{name}-display"
    return _sent(job, result, name, services, request)


@router.get(
    "/jobs/{job_id}/content",
    operation_id="get_content",
    summary="Download the photograph",
    response_class=Response,
    responses={
        200: {
            "description": "A JPEG without metadata, at most as large as the result.",
            "content": {"image/jpeg": _PICTURE},
            "headers": {"ETag": _ETAG},
        },
        206: {
            "description": "The part of the picture that `Range` asks for.",
            "content": {"image/jpeg": _PICTURE},
        },
        304: {
            "description": "Not modified: the client has this picture.",
            "headers": {"ETag": _ETAG},
        },
        **error_responses(403, 404, 409, 410, 416, 422, 503),
    },
)
def get_content(job: VisibleJobDep, services: ServicesDep, request: Request) -> Response:
    """Return a copy of the content of a job that has succeeded, to be shown beside its result."""
    result_of(job)
    if job.content_display is None:
        raise ResultExpired(f"job {job.id} has no copy of its content; submit the job again")
    return _sent(job, job.content_display, f"easel-{job.id}-content", services, request)


def _sent(job: Job, picture: Picture, name: str, services: Services, request: Request) -> Response:
    """Return a stored picture, or the part of it that the request asks for."""
    extension = picture.media_type.removeprefix("image/")
    headers = {
        "ETag": f'"{picture.sha256}"',
        "Cache-Control": "private, max-age=86400, immutable",
        "Content-Disposition": f'inline; filename="{name}.{extension}"',
        "Accept-Ranges": "bytes",
    }
    if etag_matches(request, headers["ETag"]):
        return not_modified(headers)
    part = requested_range(request, headers["ETag"], picture.size_bytes)
    try:
        blob = services.blobs.open(picture.sha256)
    except BlobNotFound as error:
        raise ResultExpired(f"picture {name!r} was removed; submit the job again") from error
    except BlobCorrupt as error:
        extra = {"job_id": job.id, "picture": name, "reason": str(error)}
        _logger.error("picture damaged", extra=extra)
        raise ResultDamaged(f"picture {name!r} is damaged; submit the job again") from error
    headers["Content-Length"] = str(blob.size)
    status = HTTPStatus.OK
    if part is not None:
        headers["Content-Length"] = str(part.stop - part.start)
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{blob.size}"
        status = HTTPStatus.PARTIAL_CONTENT
    return Download(blob.pieces(part), picture.media_type, headers, blob.close, status)


def result_of(job: Job) -> Picture:
    """Return the result of a job.

    Raises:
        JobNotFinished, JobFailed, ResultExpired: it has none.
    """
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
