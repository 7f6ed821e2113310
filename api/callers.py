"""Who asks, and whose job it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Request

from api.deps import ServicesDep
from core.jobs import ANONYMOUS, Job
from core.store import not_found


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    #: Owns the jobs that it posts, and sees no others: a name, or ``anonymous``.
    name: str
    #: What limits count by: the name, or the address of somebody who has none.
    counted_as: str


async def caller_of(request: Request) -> Caller:  # async: a thread would cost more
    """Who sent the request; as long as there are no keys, nobody in particular."""
    address = request.client.host if request.client else ANONYMOUS
    return Caller(name=ANONYMOUS, counted_as=address)


CallerDep = Annotated[Caller, Depends(caller_of)]


class Owned(Protocol):
    """What has an owner."""

    @property
    def id(self) -> str:
        """The job's."""

    @property
    def owner(self) -> str:
        """Whose job it is."""


_Owned = TypeVar("_Owned", bound=Owned)


def owned(job: _Owned, caller: Caller) -> _Owned:
    """The job, if it is the caller's: the one place where that is decided.

    Raises:
        JobNotFound: it is somebody else's, who need not know that it exists.
    """
    if job.owner != caller.name:
        raise not_found(job.id)
    return job


def _own_job(job_id: str, services: ServicesDep, caller: CallerDep) -> Job:
    return owned(services.store.get(job_id), caller)


#: The job that the path names, which is the caller's.
JobDep = Annotated[Job, Depends(_own_job)]
