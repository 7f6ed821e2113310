"""The caller's jobs, newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.callers import CallerDep
from api.deps import ServicesDep
from api.problems import problems
from api.schemas import JobView, job_view
from core.jobs import JobStatus
from core.listing import MAX_PAGE, cursor_of, read_cursor

router = APIRouter(tags=["jobs"])


class JobPage(BaseModel):
    """Some of the caller's jobs."""

    items: list[JobView]
    next_cursor: str | None = Field(
        description="Send it as `cursor` for the jobs before these; null at the end of the list."
    )


@router.get("/jobs", operation_id="list_jobs", responses=problems(422, 503))
def list_jobs(
    caller: CallerDep,
    services: ServicesDep,
    status: Annotated[
        list[JobStatus] | None,
        Query(description="Only jobs in this state; give it several times for several states."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most.")] = 20,
    cursor: Annotated[
        str | None, Query(description="The `next_cursor` of the page before this one.")
    ] = None,
) -> JobPage:
    """Your jobs, newest first, a page at a time.

    Following `next_cursor` to its end shows every job once that was there at the beginning,
    however many are posted meanwhile.
    """
    page = services.store.listing.page(
        caller.name,
        status or tuple(JobStatus),
        limit=limit,
        behind=None if cursor is None else read_cursor(cursor),
    )
    return JobPage(
        items=[job_view(job, place) for job, place in page.jobs],
        next_cursor=cursor_of(page.jobs[-1][0].id) if page.more else None,
    )
