"""Jobs over HTTP."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response

from api.admission import AdmissionDep
from api.callers import JobDep
from api.deps import Services, ServicesDep
from api.schemas import JobView, Problem, job_view
from api.uploads import Submission, SubmissionDep, form_schema
from core.admission import Admission
from core.errors import (
    BlobCorrupt,
    BlobNotFound,
    JobCanceled,
    JobFailed,
    JobNotFinished,
    ResultDamaged,
    ResultExpired,
    ServiceUnavailable,
)
from core.images import sniff_media_type
from core.jobs import Job, JobStatus, Picture
from core.uploads import Upload

router = APIRouter(tags=["jobs"])
_logger = logging.getLogger(__name__)

#: How often a client should look at an unfinished job, in seconds.
_POLL_SECONDS = 1


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {
            "model": Problem,
            "content": {"application/problem+json": {}},
        }
        for status in statuses
    }


@router.post(
    "/jobs",
    status_code=202,
    response_model=JobView,
    responses=_problems(413, 415, 422, 429, 503),
    openapi_extra={"requestBody": form_schema()},
)
def create_job(
    admission: AdmissionDep, submission: SubmissionDep, services: ServicesDep, response: Response
) -> JobView:
    """Accept a job: a content picture, one to five styles, what else helps, and parameters."""
    pixels = submission.uploads.check(submission.params, services.settings.max_picture_pixels)
    admission.check_memory(submission.params.size, pixels)
    job = _store(submission, admission, services)
    _logger.info("job accepted", extra={"job_id": job.id, "size": job.params.size})
    response.headers["Location"] = f"/jobs/{job.id}"
    response.headers["Retry-After"] = str(_POLL_SECONDS)
    return _view(job, services)


@router.get("/jobs/{job_id}", response_model=JobView, responses=_problems(404, 503))
def get_job(job: JobDep, services: ServicesDep, response: Response) -> JobView:
    """How the job stands."""
    if not job.status.done:
        response.headers["Retry-After"] = str(_POLL_SECONDS)
    return _view(job, services)


@router.post("/jobs/{job_id}/cancel", response_model=JobView, responses=_problems(404, 503))
def cancel_job(job: JobDep, services: ServicesDep) -> JobView:
    """Call a job off: at once while it is queued, at its next step while it runs.

    A job that has ended is answered as it is. One that has not ends `canceled`.
    """
    return _view(services.store.cancel(job.id), services)


@router.get(
    "/jobs/{job_id}/result",
    response_class=Response,
    responses={
        200: {"description": "The picture.", "content": {"image/*": {}}},
        **_problems(404, 409, 410, 503),
    },
)
def get_result(job: JobDep, services: ServicesDep) -> Response:
    """The stylised picture, once the job has succeeded."""
    result = _result_of(job)
    try:
        data = services.blobs.get(result.sha256)
    except BlobNotFound as error:
        raise ResultExpired(f"the result of job {job.id} was removed; submit it again") from error
    except BlobCorrupt as error:
        _logger.error("result damaged", extra={"job_id": job.id, "reason": str(error)})
        raise ResultDamaged(f"the result of job {job.id} is damaged; submit it again") from error
    extension = result.media_type.removeprefix("image/")
    return Response(
        data,
        media_type=result.media_type,
        headers={
            "ETag": f'"{result.sha256}"',
            "Cache-Control": "private, max-age=86400, immutable",
            "Content-Disposition": f'inline; filename="easel-{job.id}.{extension}"',
        },
    )


def _store(submission: Submission, admission: Admission, services: Services) -> Job:
    """Pictures first, then the record, then the message: each needs the one before."""

    def keep(upload: Upload) -> Picture:
        return Picture(
            sha256=services.blobs.put(upload.data),
            media_type=sniff_media_type(upload.data),
            size_bytes=len(upload.data),
        )

    inputs = submission.uploads.keep(keep)
    job = services.store.create(submission.params, inputs, admission, webhook=submission.webhook)
    try:
        services.queue.announce(job.id)
    except ServiceUnavailable:
        _take_back(job, services)
        raise
    return job


def _take_back(job: Job, services: Services) -> None:
    """The caller will hear that the job was not accepted, so it should not run."""
    try:
        services.store.discard(job)
    except ServiceUnavailable as error:
        _logger.warning(
            "job could not be taken back", extra={"job_id": job.id, "reason": str(error)}
        )


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


def _view(job: Job, services: Services) -> JobView:
    queued = job.status is JobStatus.QUEUED
    return job_view(job, services.store.queue_position(job.id) if queued else None)
