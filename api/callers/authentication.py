"""Authentication: the caller of a request, by API key or by address."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Request

from api.asgi.open_requests import count_open
from api.callers.browsers import browser_of
from api.callers.rate_limits import count_request
from api.deps import Services, services_of
from core.errors import InvalidKey, KeyRequired, RedisUnavailable
from core.jobs.job import ANONYMOUS


@dataclass(frozen=True)
class Caller:
    """The sender of a request."""

    #: The owner of the jobs that the caller creates: the name of its key or of its browser, or
    #: ``anonymous``.
    name: str
    #: What limits count by: the name of the key, or the address of an anonymous caller.
    counted_as: str
    #: The limits of the caller's key; None: the limits in the settings.
    requests_per_minute: int | None = None
    max_jobs: int | None = None
    max_stored_bytes: int | None = None
    #: Whether the caller may post jobs with `priority=high`.
    high_priority: bool = False
    #: Whether the caller sent no key.
    keyless: bool = False


async def caller_of(request: Request) -> Caller:
    """Return the caller of the request, and count the request.

    Raises:
        KeyRequired: the request has no API key, and the service requires one.
        HostRefused: the request has no API key, and calls this server by an unknown name.
        OriginRefused: the request has no API key, and a web page of another site made it.
        InvalidKey: the API key is unknown or revoked.
        TooManyRequests: the caller exceeded its requests per minute, or its open requests.
        ConnectionsFull: the process answers too many requests.
    """
    services = services_of(request)
    caller = await _authenticate(request, services)
    request.state.caller = caller.counted_as  # api.asgi.body_limit
    count_open(request, caller.counted_as)
    await count_request(request, caller.counted_as, caller.requests_per_minute)
    return caller


CallerDep = Annotated[Caller, Depends(caller_of)]


async def may_continue(request: Request) -> bool:
    """Return whether the caller of an open request may still send one: its key may be revoked."""
    try:
        await _authenticate(request, services_of(request))
    except RedisUnavailable:
        return True
    except KeyRequired:
        return False
    return True


async def needs_key(request: Request) -> bool:
    """Return whether requests like this one need an API key; True while that is unknown."""
    services = services_of(request)
    try:
        return await _needs_key(request, services)
    except RedisUnavailable:
        return not services.settings.allow_anonymous


async def count_visitor(request: Request) -> None:
    """Count a request that needs no API key, by the address of its sender.

    Raises:
        TooManyRequests: the address exceeded the requests per minute.
    """
    await count_request(request, address_of(request))


async def _authenticate(request: Request, services: Services) -> Caller:
    api_keys = _api_keys(request)
    key_needed = await _needs_key(request, services)
    if not api_keys:
        if key_needed:
            raise KeyRequired
        services.settings.check_site(request.headers, reads=request.method in ("GET", "HEAD"))
        browser = None if services.settings.shared_gallery else browser_of(request)
        return Caller(browser or ANONYMOUS, counted_as=address_of(request), keyless=True)
    key = services.keyring.find(api_keys.pop()) if len(api_keys) == 1 else None
    if key is None:
        raise InvalidKey
    limits = (key.requests_per_minute, key.max_jobs, key.max_stored_bytes)
    return Caller(key.name, key.name, *limits, high_priority=key.high_priority)


async def _needs_key(request: Request, services: Services) -> bool:
    keyring = services.keyring
    if keyring.stale:
        await keyring.refresh_once()
    return services.settings.refuses_anonymous(
        any_key_made=keyring.any_made, reached_at=_reached_at(request)
    )


def _api_keys(request: Request) -> set[str]:
    """Return the API keys in ``Authorization`` and ``X-API-Key``; two if they differ."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return {key for key in (bearer, request.headers.get("x-api-key")) if key}


def _reached_at(request: Request) -> str:
    """Return the server address of the connection, which may differ from the settings."""
    server = request.scope.get("server")
    return str(server[0]) if server and server[1] is not None else "localhost"


def address_of(request: Request) -> str:
    """Return the address by which an anonymous caller is counted."""
    return counted_address(request.client.host if request.client else "")


@lru_cache(maxsize=4096)
def counted_address(address: str) -> str:
    """Return an IPv4 address as it is, and the /64 network of an IPv6 address.

    A client can choose the lower 64 bits of its IPv6 address freely.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "elsewhere"  # a proxy's header can contain any text
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False).network_address)
