"""Jobs over HTTP."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.concurrency import run_in_threadpool

from api.admission import AdmissionDep
from api.callers import JobDep
from api.deps import Services, ServicesDep
from api.documents import Snapshot
from api.live import Live, LiveDep, SnapshotDep
from api.problems import problems
from api.schemas import JobView
from api.uploads import Submission, SubmissionDep, form_schema
from api.waiting import LONGEST_WAIT, job_response, matches, preferred_wait, wait_until
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


@router.post(
    "/jobs",
    status_code=202,
    response_model=JobView,
    responses={
        200: {"model": JobView, "description": "The job has ended within `Prefer: wait`."},
        **problems(413, 415, 422, 429, 503),
    },
    openapi_extra={"requestBody": form_schema()},
)
async def create_job(
    admission: AdmissionDep,
    submission: SubmissionDep,
    services: ServicesDep,
    live: LiveDep,
    prefer: Annotated[
        str | None, Header(description="`wait=n`: answer when the job has ended, or in n seconds.")
    ] = None,
) -> Response:
    """Accept a job: a content picture, one to five styles, what else helps, and parameters."""
    job = await run_in_threadpool(_accept, submission, admission, services)
    snapshot = await _accepted(job, live, seconds := preferred_wait(prefer))
    response = job_response(snapshot, status=200 if seconds and snapshot.done else 202)
    response.headers["Location"] = f"/jobs/{job.id}"
    if seconds is not None:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


@router.get(
    "/jobs/{job_id}",
    response_model=JobView,
    responses={
        304: {"description": "The Job is what the client has already."},
        **problems(404, 422, 503),
    },
)
async def get_job(
    snapshot: SnapshotDep,
    live: LiveDep,
    wait: Annotated[
        float,
        Query(
            ge=0,
            le=LONGEST_WAIT,
            description="Answer when the job has ended, or after so many seconds. "
            "With `If-None-Match`: when the Job has changed.",
        ),
    ] = 0,
    if_none_match: Annotated[str | None, Header(description="The tag of one seen before.")] = None,
) -> Response:
    """How the job stands."""
    if wait and not snapshot.done:
        changing = if_none_match is not None

        def enough(now: Snapshot) -> bool:
            return now.done or (changing and not matches(if_none_match or "", now.etag))

        if not enough(snapshot):
            snapshot = await wait_until(enough, snapshot, live, wait, only_final=not changing)
    return job_response(snapshot, if_none_match=if_none_match)


@router.post("/jobs/{job_id}/cancel", response_model=JobView, responses=problems(404, 503))
async def cancel_job(snapshot: SnapshotDep, services: ServicesDep, live: LiveDep) -> Response:
    """Call a job off: at once while it is queued, at its next step while it runs.

    A job that has ended is answered as it is. One that has not ends `canceled`.
    """
    await run_in_threadpool(services.store.cancel, snapshot.id)
    return job_response(await live.reader.get(snapshot.id))


@router.get(
    "/jobs/{job_id}/result",
    response_class=Response,
    responses={
        200: {"description": "The picture.", "content": {"image/*": {}}},
        **problems(404, 409, 410, 503),
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


def _accept(submission: Submission, admission: Admission, services: Services) -> Job:
    pixels = submission.uploads.check(submission.params, services.settings.max_picture_pixels)
    admission.check_memory(submission.params.size, pixels)
    job = _store(submission, admission, services)
    _logger.info("job accepted", extra={"job_id": job.id, "size": job.params.size})
    return job


async def _accepted(job: Job, live: Live, seconds: int | None) -> Snapshot:
    """The job as it is now or when it has ended. It is accepted, whatever happens here."""
    snapshot = Snapshot.of(job)
    try:
        snapshot = await live.reader.get(job.id)
        if seconds:
            snapshot = await wait_until(
                lambda now: now.done, snapshot, live, seconds, only_final=True
            )
    except ServiceUnavailable as error:
        _logger.warning("accepted job not read", extra={"job_id": job.id, "reason": str(error)})
    return snapshot


def _store(submission: Submission, admission: Admission, services: Services) -> Job:
    """Pictures first, then the record, then the message: each needs the one before."""

    def keep(upload: Upload) -> Picture:
        return Picture(
            sha256=services.blobs.put(upload.data),
            media_type=sniff_media_type(upload.data),
            size_bytes=len(upload.data),
        )

    inputs = submission.uploads.keep(keep)
    job = services.store.create(submission.params, inputs, admission)
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
