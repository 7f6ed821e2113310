"""Who asks, and whose job it is."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.deps import Services, ServicesDep, services_of
from core.errors import InvalidKey, KeyRequired
from core.jobs.job import ANONYMOUS, Job
from core.store.jobs import not_found


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    #: Owns the jobs that it posts, and sees no others: a name, or ``anonymous``.
    name: str
    #: What limits count by: the name, or the address of somebody who has none.
    counted_as: str
    #: The limits of its key; None: as the settings say.
    requests_per_minute: int | None = None
    max_jobs: int | None = None


async def caller_of(request: Request) -> Caller:
    """Who sent the request, if that one may and has not sent too many.

    Raises:
        KeyRequired: there is no key, and there must be one.
        InvalidKey: the key is not one of ours, or is revoked.
        TooManyRequests: more came than are allowed in a minute.
    """
    services = services_of(request)
    caller = await _caller(request, services)
    await count(request, caller.counted_as, caller.requests_per_minute)
    return caller


async def count(request: Request, counted_as: str, limit: int | None = None) -> None:
    """Count a request.

    Raises:
        TooManyRequests: more came than are allowed in a minute.
    """
    limit = limit or services_of(request).settings.max_requests_per_minute
    await request.app.state.rates.count(counted_as, limit)


CallerDep = Annotated[Caller, Depends(caller_of)]


async def _caller(request: Request, services: Services) -> Caller:
    ring, given = services.keyring, _keys_given(request)
    if ring.stale:
        await run_in_threadpool(ring.refresh)
    if not given:
        if services.settings.wants_key(any_made=ring.any_made, reached_at=_reached_at(request)):
            raise KeyRequired
        address = request.client.host if request.client else ""
        return Caller(name=ANONYMOUS, counted_as=counted_address(address))
    key = ring.find(given.pop()) if len(given) == 1 else None
    if key is None:
        raise InvalidKey
    return Caller(key.name, key.name, key.requests_per_minute, key.max_jobs)


def _keys_given(request: Request) -> set[str]:
    """What was sent as an API key, in either of the two ways to send one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return {text for text in (bearer, request.headers.get("x-api-key")) if text}


def _reached_at(request: Request) -> str:
    """Our own address, as the connection has it; whatever the settings say."""
    server = request.scope.get("server")
    return str(server[0]) if server and server[1] is not None else "localhost"


@lru_cache(maxsize=4096)
def counted_address(address: str) -> str:
    """What to count a client by: of IPv6, the half of the address that it cannot choose."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "elsewhere"  # a proxy's header can hold any text
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False).network_address)


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
