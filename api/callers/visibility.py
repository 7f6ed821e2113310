"""Who may see a job: its owner, and anyone with a signed link; and a batch: its owner."""

from __future__ import annotations

from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from api.asgi.open_requests import count_open
from api.callers.authentication import Caller, CallerDep, address_of, caller_of
from api.callers.rate_limits import count_request
from api.deps import ServicesDep
from core.jobs.batch import Batch
from core.jobs.job import ANONYMOUS, Job
from core.store.batches import batch_not_found
from core.store.jobs import not_found


class Owned(Protocol):
    """A job record, a snapshot of one, or a batch."""

    @property
    def id(self) -> str:
        """The job's ID."""

    @property
    def owner(self) -> str:
        """The name of the job's owner."""


_Owned = TypeVar("_Owned", bound=Owned)


def owned(job: _Owned, caller: Caller) -> _Owned:
    """Return the job or batch if the caller owns it. Every access decision is made here.

    One that was posted with neither a key nor a browser's cookie belongs to everybody who
    needs no key and knows its id.

    Raises:
        JobNotFound: it has another owner. The error is the same as for a job that does not
            exist, so that callers cannot probe for IDs.
    """
    shared = caller.keyless and job.owner == ANONYMOUS
    if job.owner != caller.name and not shared:
        raise batch_not_found(job.id) if isinstance(job, Batch) else not_found(job.id)
    return job


def _own_job(job_id: str, services: ServicesDep, caller: CallerDep) -> Job:
    return owned(services.store.get(job_id), caller)


#: The job in the path, which the caller owns.
JobDep = Annotated[Job, Depends(_own_job)]


def _own_batch(batch_id: str, services: ServicesDep, caller: CallerDep) -> Batch:
    return owned(services.store.batches.get(batch_id), caller)


#: The batch in the path, which the caller owns.
BatchDep = Annotated[Batch, Depends(_own_batch)]


async def _viewer(
    request: Request,
    services: ServicesDep,
    expires: Annotated[
        int, Query(ge=0, le=2**53, description="The expiry time of a signed link.")
    ] = 0,
    signature: Annotated[
        str | None, Query(description="The signature of a signed link: see `sign_links`.")
    ] = None,
) -> Caller | None:
    """Return the caller, or None for a request with a signed link, which needs no key.

    Raises:
        LinkInvalid: the signature does not match the path, or the link has expired.
    """
    if signature is None:
        return await caller_of(request)
    count_open(request, address_of(request))
    await count_request(request, address_of(request))
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    await run_in_threadpool(services.store.links.check, path, expires, signature)
    return None


#: The caller; None for a request with a signed link.
ViewerDep = Annotated[Caller | None, Depends(_viewer)]


def _visible_job(job_id: str, services: ServicesDep, viewer: ViewerDep) -> Job:
    job = services.store.get(job_id)
    return job if viewer is None else owned(job, viewer)


#: The job in the path, which the caller owns or has a signed link to.
VisibleJobDep = Annotated[Job, Depends(_visible_job)]
