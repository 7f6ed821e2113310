"""The list of the caller's jobs, newest first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.answers.error_docs import error_responses
from api.answers.job_json import Outlook, job_document
from api.answers.schemas import JobView
from api.callers.authentication import CallerDep
from api.deps import ServicesDep
from api.live.hub import HubDep
from core.jobs.status import JobStatus
from core.store.listing import MAX_PAGE
from core.store.serialization import detect_newer

router = APIRouter(tags=["jobs"])

#: The ID of a job: the page starts after it, even if the job has been removed.
JOB_CURSOR = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class JobPage(BaseModel):
    """A page of the caller's jobs."""

    items: list[JobView]
    next_cursor: str | None = Field(
        description="The `cursor` of the next page; null at the end of the list."
    )


@router.get(
    "/jobs",
    operation_id="list_jobs",
    summary="List your jobs",
    response_model=JobPage,
    responses=error_responses(422, 503),
)
async def list_jobs(
    caller: CallerDep,
    services: ServicesDep,
    hub: HubDep,
    request: Request,
    status: Annotated[
        list[JobStatus] | None,
        Query(description="Only jobs with this status. Repeat it for several statuses."),
    ] = None,
    error_code: Annotated[
        str | None,
        Query(
            description="Only failed jobs with this `error.code`.",
            pattern="^[a-z0-9_]{1,64}$",
        ),
    ] = None,
    batch: Annotated[
        str | None, Query(description="Only the jobs of this batch.", pattern=JOB_CURSOR)
    ] = None,
    drafts: Annotated[bool, Query(description="Drafts, in place of all other jobs.")] = False,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="The maximum number of jobs.")] = 20,
    cursor: Annotated[
        str | None,
        Query(description="The `next_cursor` of the previous page.", pattern=JOB_CURSOR),
    ] = None,
) -> Response:
    """List your jobs, newest first, one page at a time.

    Following `next_cursor` to the end returns every job that existed at the start exactly once,
    even if more jobs are posted meanwhile.
    """
    page = await run_in_threadpool(
        services.store.listing.page,
        caller.name,
        status or tuple(JobStatus),
        limit=limit,
        after=cursor,
        error_code=error_code,
        batch=batch,
        drafts=drafts,
    )
    if any(position is not None for _, position in page.jobs):
        await hub.reader.forecast()
    prefix = request.scope.get("root_path", "")
    items = ",".join(
        _document(record, position, hub.reader.outlook(record, position), prefix)
        for record, position in page.jobs
    )
    next_cursor = json.dumps(page.jobs[-1][0]["id"] if page.more else None)
    return Response(
        f'{{"items":[{items}],"next_cursor":{next_cursor}}}', media_type="application/json"
    )


def _document(
    record: Mapping[str, str], position: int | None, outlook: Outlook, prefix: str
) -> str:
    with detect_newer(record):
        return job_document(record, position, outlook, prefix)
