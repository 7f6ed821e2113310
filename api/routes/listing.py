"""The caller's jobs, newest first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.answers.documents import job_document
from api.answers.error_docs import error_responses
from api.answers.schemas import JobView
from api.callers.authentication import CallerDep
from api.deps import ServicesDep
from api.live.hub import HubDep
from core.jobs.job import JobStatus
from core.store.listing import MAX_PAGE
from core.store.serialization import detect_newer

router = APIRouter(tags=["jobs"])

#: A place in the list: behind the job of that id, whether or not it is still there.
_CURSOR = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class JobPage(BaseModel):
    """Some of the caller's jobs."""

    items: list[JobView]
    next_cursor: str | None = Field(
        description="Send it as `cursor` for the jobs before these; null at the end of the list."
    )


@router.get(
    "/jobs", operation_id="list_jobs", response_model=JobPage, responses=error_responses(422, 503)
)
async def list_jobs(
    caller: CallerDep,
    services: ServicesDep,
    hub: HubDep,
    status: Annotated[
        list[JobStatus] | None,
        Query(description="Only jobs in this state; give it several times for several states."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most.")] = 20,
    cursor: Annotated[
        str | None,
        Query(description="The `next_cursor` of the page before this one.", pattern=_CURSOR),
    ] = None,
) -> Response:
    """Your jobs, newest first, a page at a time.

    Following `next_cursor` to its end shows every job once that was there at the beginning,
    however many are posted meanwhile.
    """
    page = await run_in_threadpool(
        services.store.listing.page,
        caller.name,
        status or tuple(JobStatus),
        limit=limit,
        after=cursor,
    )
    if any(place is not None for _, place in page.jobs):
        await hub.reader.forecast()
    items = ",".join(
        _document(record, place, hub.reader.start_of(place)) for record, place in page.jobs
    )
    next_cursor = json.dumps(page.jobs[-1][0]["id"] if page.more else None)
    return Response(
        f'{{"items":[{items}],"next_cursor":{next_cursor}}}', media_type="application/json"
    )


def _document(record: Mapping[str, str], place: int | None, starts_at: datetime | None) -> str:
    with detect_newer(record):
        return job_document(record, place, starts_at)
