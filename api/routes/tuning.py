"""Change the parameters of a job while it runs, and finish it early."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response

from api.answers.error_docs import error_responses
from api.answers.schemas import JobView
from api.callers.authentication import CallerDep
from api.callers.visibility import JobDep
from api.deps import ServicesDep
from api.intake.edits import CHANGE_TYPES, edit_job, finish_job, read_changes
from api.intake.inspector import PictureInspector
from api.live.hub import HubDep, SnapshotDep
from api.live.polls import job_response
from core.params import StyleParams
from core.params.model import TUNABLE

router = APIRouter(tags=["jobs"])

_REVISION = re.compile(r'\.r(\d{1,9})"\s*$')


def _body() -> dict[str, Any]:
    """Return the OpenAPI request body: the tunable parameters, each of them optional."""
    schema = StyleParams.model_json_schema(ref_template="#/components/schemas/{model}")
    properties = {name: schema["properties"][name] for name in TUNABLE}
    for each in properties.values():
        each.pop("default", None)
    tunable = {"type": "object", "title": "JobEdit", "properties": properties}
    content = {media_type: {"schema": tunable} for media_type in CHANGE_TYPES}
    return {"required": True, "content": content}


@router.patch(
    "/jobs/{job_id}",
    operation_id="edit_job",
    summary="Change an unfinished job",
    response_model=JobView,
    response_description="The job with its new parameters",
    responses=error_responses(400, 404, 409, 412, 413, 415, 422, 503),
    openapi_extra={"requestBody": _body()},
)
async def change_job(
    job: JobDep,
    caller: CallerDep,
    services: ServicesDep,
    hub: HubDep,
    request: Request,
    if_match: Annotated[
        str | None,
        Header(description="The `ETag` of the job. If its parameters were changed since: 412."),
    ] = None,
) -> Response:
    """Change parameters of a job that is queued or running.

    A running job takes the change between two steps. It keeps what it has painted. Null takes
    the default.
    """
    changes = await read_changes(request)
    inspector: PictureInspector = request.app.state.inspector
    await edit_job(job.id, changes, caller, services, inspector, _revision(if_match))
    return job_response(await hub.reader.get(job.id), request)


@router.post(
    "/jobs/{job_id}/finish",
    operation_id="finish_job",
    summary="End a job with the picture so far",
    response_model=JobView,
    response_description="The job, which ends after the current step",
    responses=error_responses(404, 409, 503),
)
async def finish_job_early(
    snapshot: SnapshotDep, services: ServicesDep, hub: HubDep, request: Request
) -> Response:
    """End a job after the current step and keep its picture: it succeeds.

    A picture of a smaller scale is enlarged. A job that has ended does not change.
    """
    await finish_job(snapshot.id, services)
    return job_response(await hub.reader.get(snapshot.id), request)


def _revision(if_match: str | None) -> int | None:
    """Return the revision in the ETag of a job; None for any."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _REVISION.search(if_match)
    return int(found[1]) if found else -1
