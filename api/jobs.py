"""Jobs over HTTP."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.accepting import accept
from api.admission import AdmissionDep, KeyDep
from api.callers import JobDep
from api.deps import Services, ServicesDep
from api.estimates import Estimate, estimate
from api.problems import problems
from api.request_ids import request_id_of
from api.schemas import JobView, job_view
from api.uploads import SubmissionDep, form_schema
from core.jobs import Job, JobStatus

router = APIRouter(tags=["jobs"])
_logger = logging.getLogger(__name__)

#: How often a client should look at an unfinished job, in seconds.
_POLL_SECONDS = 1


@router.post(
    "/jobs",
    status_code=202,
    operation_id="create_job",
    response_model=JobView,
    responses={
        200: {
            "model": Estimate,
            "description": "It would be accepted: the answer to `validate_only`.",
        },
        **problems(400, 413, 415, 422, 429, 503),
    },
    openapi_extra={"requestBody": form_schema()},
)
def create_job(
    admission: AdmissionDep,
    key: KeyDep,
    submission: SubmissionDep,
    services: ServicesDep,
    request: Request,
    response: Response,
) -> JobView | JSONResponse:
    """Accept a job: a content picture, one to five styles, what else helps, and parameters.

    Everything that can be refused is refused here, and then nothing is stored.
    """
    admission.check_memory(submission.params.size, submission.pixels)
    if submission.validate_only:
        found = estimate(submission, submission.pixels, admission, services)
        return JSONResponse(found.model_dump(mode="json"))
    job, replayed = accept(submission, admission, key, services, request_id_of(request))
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = f"/jobs/{job.id}"
    response.headers["Retry-After"] = str(_POLL_SECONDS)
    return _view(job, services)


@router.get(
    "/jobs/{job_id}", operation_id="get_job", response_model=JobView, responses=problems(404, 503)
)
def get_job(job: JobDep, services: ServicesDep, response: Response) -> JobView:
    """How the job stands."""
    if not job.status.done:
        response.headers["Retry-After"] = str(_POLL_SECONDS)
    return _view(job, services)


@router.post(
    "/jobs/{job_id}/cancel",
    operation_id="cancel_job",
    response_model=JobView,
    responses=problems(404, 503),
)
def cancel_job(job: JobDep, services: ServicesDep) -> JobView:
    """Call a job off: at once while it is queued, at its next step while it runs.

    A job that has ended is answered as it is. One that has not ends `canceled`.
    """
    return _view(services.store.cancel(job.id), services)


def _view(job: Job, services: Services) -> JobView:
    queued = job.status is JobStatus.QUEUED
    return job_view(job, services.store.queue_position(job.id) if queued else None)
