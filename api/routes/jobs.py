"""Create, read, cancel and delete a job."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api.answers.conditional import etag_matches
from api.answers.error_docs import error_responses
from api.answers.job_json import Snapshot, snapshot_of
from api.answers.schemas import JobView
from api.asgi.body_limit import release_body
from api.asgi.headers import request_id_of
from api.callers.authentication import CallerDep
from api.callers.visibility import JobDep
from api.deps import ServicesDep
from api.intake.admission import Estimate, KeyDep
from api.intake.body_schema import body_schema
from api.intake.retry import retry
from api.intake.submission import Accepted, submit
from api.live.hub import Hub, HubDep, SnapshotDep, hub_of
from api.live.polls import MAX_WAIT, job_response, preferred_wait, wait_until
from core.errors import JobNotFound, ServiceUnavailable
from core.jobs.job import Job

router = APIRouter(tags=["jobs"])
_logger = logging.getLogger(__name__)


@router.post(
    "/jobs",
    status_code=202,
    operation_id="create_job",
    summary="Create a job",
    response_model=JobView,
    responses={
        200: {
            "model": Estimate | JobView,
            "description": "The estimate for `validate_only`, "
            "or the job, if it has ended within `Prefer: wait`.",
        },
        **error_responses(400, 404, 408, 409, 410, 413, 415, 422, 429, 503, 507),
    },
    openapi_extra={"requestBody": body_schema()},
)
async def create_job(
    caller: CallerDep,
    key: KeyDep,
    services: ServicesDep,
    hub: HubDep,
    request: Request,
    prefer: Annotated[
        str | None,
        Header(description="`wait=n`: respond when the job has ended, or after n seconds."),
    ] = None,
) -> Response:
    """Create a job from a content picture, one to five style pictures, and parameters.

    The body is a form, or the same fields as JSON. All input is validated first. If anything is
    invalid, nothing is stored.
    """
    answer = await submit(request, caller, key, services, hub)
    if isinstance(answer, Estimate):
        return JSONResponse(answer.model_dump(mode="json"))
    release_body(request)
    return await _accepted_response(answer, hub, request, preferred_wait(prefer))


async def _accepted_response(
    accepted: Accepted, hub: Hub, request: Request, seconds: int | None = None
) -> Response:
    """Return the response with a new job, at the latest after some seconds."""
    snapshot = await _accepted(accepted.job, hub, seconds or 0)
    response = job_response(snapshot, request, status=200 if seconds and snapshot.done else 202)
    response.headers["Location"] = f"{request.scope.get('root_path', '')}/jobs/{accepted.job.id}"
    if accepted.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    if seconds is not None:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


async def _accepted(job: Job, hub: Hub, seconds: int) -> Snapshot:
    """Return the current job, or the job once it has ended. Errors do not undo its creation."""
    snapshot = snapshot_of(job)
    try:
        snapshot = await hub.reader.get(job.id)
        if seconds:
            snapshot = await wait_until(
                lambda now: now.done, snapshot, hub, seconds, only_final=True
            )
    except (ServiceUnavailable, JobNotFound) as error:
        _logger.warning(
            "accepted job could not be read", extra={"job_id": job.id, "reason": str(error)}
        )
    return snapshot


@router.get(
    "/jobs/{job_id}",
    operation_id="get_job",
    summary="Read a job, or wait for its end",
    response_model=JobView,
    responses={
        304: {"description": "Not modified: the client has this version of the job."},
        **error_responses(404, 422, 503),
    },
)
async def get_job(
    snapshot: SnapshotDep,
    request: Request,
    wait: Annotated[
        float,
        Query(
            ge=0,
            le=MAX_WAIT,
            allow_inf_nan=False,
            description="Respond when the job has ended, or after this many seconds. "
            "With `If-None-Match`: when the job has changed.",
        ),
    ] = 0,
) -> Response:
    """Return the job."""
    if wait and not snapshot.done:
        conditional = "if-none-match" in request.headers

        def ready(now: Snapshot) -> bool:
            return now.done or (conditional and not etag_matches(request, now.etag))

        if not ready(snapshot):
            snapshot = await wait_until(
                ready, snapshot, hub_of(request), wait, only_final=not conditional
            )
    return job_response(snapshot, request, conditional=True)


@router.post(
    "/jobs/{job_id}/cancel",
    operation_id="cancel_job",
    summary="Cancel a job",
    response_model=JobView,
    responses=error_responses(404, 503),
)
async def cancel_job(
    snapshot: SnapshotDep, services: ServicesDep, hub: HubDep, request: Request
) -> Response:
    """Cancel a job: immediately if it is queued, after the current step if it is running.

    A canceled job ends with the status `canceled`. A job that has ended does not change.
    """
    await run_in_threadpool(services.store.cancel, snapshot.id)
    return job_response(await hub.reader.get(snapshot.id), request)


@router.post(
    "/jobs/{job_id}/retry",
    status_code=202,
    operation_id="retry_job",
    summary="Post a failed or canceled job again",
    response_description="The new job",
    response_model=JobView,
    responses=error_responses(404, 409, 422, 429, 503, 507),
)
async def retry_job(
    job: JobDep,
    caller: CallerDep,
    key: KeyDep,
    services: ServicesDep,
    hub: HubDep,
    request: Request,
) -> Response:
    """Post the request of a failed or canceled job again. The new job has an ID of its own.

    The pictures need not be uploaded again, as long as they are kept.
    """
    accepted = await run_in_threadpool(retry, job, caller, key, services, request_id_of(request))
    return await _accepted_response(accepted, hub, request)


@router.delete(
    "/jobs/{job_id}",
    status_code=204,
    operation_id="delete_job",
    summary="Delete a job with its pictures",
    responses=error_responses(404, 503),
)
def delete_job(job: JobDep, services: ServicesDep) -> None:
    """Delete a job with its pictures and its result. An unfinished job is canceled first.

    Pictures that another job uses are kept for that job.
    """
    digests = services.store.delete(job.id)
    services.store.holds.release(services.blobs, digests)
    _logger.info("job deleted", extra={"job_id": job.id, "status": job.status.value})
