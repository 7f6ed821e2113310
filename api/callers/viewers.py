"""Who may see a job's pictures and events: its owner, and whoever has a signed link."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from api.callers.identity import Caller, caller_of, count, counted_address, owned
from api.deps import ServicesDep
from core.jobs.job import Job


async def _viewer(
    request: Request,
    services: ServicesDep,
    expires: Annotated[
        int, Query(ge=0, le=2**53, description="Of a signed link: when it ends to hold.")
    ] = 0,
    signature: Annotated[
        str | None, Query(description="Of a signed link: see `sign_links`.")
    ] = None,
) -> Caller | None:
    """Who asks; None for somebody with a signed link, who needs no key.

    Raises:
        LinkInvalid: the link is not for this, or does not hold any more.
    """
    if signature is None:
        return await caller_of(request)
    await count(request, counted_address(request.client.host if request.client else ""))
    await run_in_threadpool(services.store.links.check, request.url.path, expires, signature)
    return None


#: Who asks; None for somebody with a signed link.
ViewerDep = Annotated[Caller | None, Depends(_viewer)]


def _shown_job(job_id: str, services: ServicesDep, viewer: ViewerDep) -> Job:
    job = services.store.get(job_id)
    return job if viewer is None else owned(job, viewer)


#: The job that the path names: the caller's, or the one that a signed link is for.
ShownJobDep = Annotated[Job, Depends(_shown_job)]
