"""Create, read, cancel and delete a batch of jobs."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers.batch_json import BatchView, batch_document
from api.answers.error_docs import error_responses
from api.asgi.body_limit import release_body
from api.callers.authentication import CallerDep
from api.callers.visibility import BatchDep
from api.deps import Services, ServicesDep
from api.intake.admission import KeyDep
from api.intake.batches import submit_batch
from api.intake.body_schema import batch_body_schema
from api.live.hub import Hub, HubDep
from api.live.polls import MAX_WAIT
from core.jobs.batch import Batch

router = APIRouter(tags=["batches"])
_logger = logging.getLogger(__name__)

#: ``Retry-After`` of a batch that is not done, in seconds.
_RETRY_SECONDS = 5


@router.post(
    "/batches",
    status_code=202,
    operation_id="create_batch",
    summary="Create a batch of jobs",
    response_description="The batch was accepted.",
    response_model=BatchView,
    responses=error_responses(400, 408, 413, 415, 422, 503, 507),
    openapi_extra={"requestBody": batch_body_schema()},
)
async def create_batch(
    caller: CallerDep, key: KeyDep, services: ServicesDep, request: Request
) -> Response:
    """Create up to 500 jobs from up to 100 content pictures and the same parameters.

    All input is validated first. Either all jobs are created, or none.
    """
    accepted = await submit_batch(request, caller, key, services)
    release_body(request)
    batch = await run_in_threadpool(services.store.batches.get, accepted.batch_id)
    response = _response(batch, request, status=202)
    response.headers["Location"] = f"{request.scope.get('root_path', '')}/batches/{batch.id}"
    if accepted.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@router.get(
    "/batches/{batch_id}",
    operation_id="get_batch",
    summary="Read a batch, or wait for its end",
    response_description="The batch.",
    response_model=BatchView,
    responses=error_responses(404, 422, 503),
)
async def get_batch(
    batch: BatchDep,
    services: ServicesDep,
    hub: HubDep,
    request: Request,
    wait: Annotated[
        float,
        Query(
            ge=0,
            le=MAX_WAIT,
            allow_inf_nan=False,
            description="Respond when all jobs have ended, or after this many seconds.",
        ),
    ] = 0,
) -> Response:
    """Return the batch, with the status of each of its jobs."""
    if wait and not batch.done:
        batch = await _ended(batch, services, hub, wait)
    return _response(batch, request)


@router.post(
    "/batches/{batch_id}/cancel",
    operation_id="cancel_batch",
    summary="Cancel the jobs of a batch",
    response_description="The batch, whose jobs are canceled, about to be, or had ended before.",
    response_model=BatchView,
    responses=error_responses(404, 503),
)
def cancel_batch(batch: BatchDep, services: ServicesDep, request: Request) -> Response:
    """Cancel the jobs of a batch that have not ended. The results of the others are kept."""
    services.store.batches.cancel(batch.id)
    return _response(services.store.batches.get(batch.id), request)


@router.delete(
    "/batches/{batch_id}",
    status_code=204,
    operation_id="delete_batch",
    summary="Delete a batch and its jobs",
    response_description="The batch and its jobs were deleted.",
    responses=error_responses(404, 503),
)
def delete_batch(batch: BatchDep, services: ServicesDep) -> None:
    """Delete a batch and its jobs, with their pictures and results."""
    digests = services.store.batches.delete(batch.id)
    services.store.holds.release(services.blobs, digests)
    _logger.info("batch deleted", extra={"batch_id": batch.id, "jobs": len(batch.statuses)})


async def _ended(batch: Batch, services: Services, hub: Hub, seconds: float) -> Batch:
    """Return a batch when it has ended, or as it is after some seconds."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    with hub.broadcast.listen(batch.id, batch.event, only_final=True) as listener:
        await hub.broadcast.ready()
        batch = await run_in_threadpool(services.store.batches.get, batch.id)
        while not batch.done and not listener.closed and clock() < deadline:
            await listener.wait(deadline - clock())
            batch = await run_in_threadpool(services.store.batches.get, batch.id)
    return batch


def _response(batch: Batch, request: Request, status: int = 200) -> Response:
    headers = {"Cache-Control": "private, no-cache"}
    if not batch.done:
        headers["Retry-After"] = str(_RETRY_SECONDS)
    document = batch_document(batch, request.scope.get("root_path", ""))
    return Response(document, status, headers, media_type="application/json")
