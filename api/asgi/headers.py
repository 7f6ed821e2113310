"""Request IDs and security headers of every response."""

from __future__ import annotations

import re
import time
from typing import Protocol

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid4

from core.runtime.logs import log_context

REQUEST_ID = "X-Request-ID"

_RAW_REQUEST_ID = REQUEST_ID.lower().encode()

#: Valid request IDs of callers. Others are replaced, because IDs go into logs and headers.
_REQUEST_ID_FORMAT = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

#: Sent unless a handler sets its own value. A picture or problem document that a browser
#: opens directly can load nothing, run nothing and be framed by no page.
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_RAW_SECURITY_HEADERS = [
    (name.lower().encode(), value.encode()) for name, value in _SECURITY_HEADERS.items()
]


class OnResponse(Protocol):
    """Called when a response starts."""

    def __call__(self, scope: Scope, status: int, seconds: float) -> None:
        """Record the status and the seconds since the request arrived."""


class CommonHeaders:
    """Assigns request IDs, adds security headers and times every response.

    It is the outermost layer, so that it also covers responses to unexpected errors.
    One wrapper around ``send`` does all three, because every request pays for it.

    Args:
        app: the wrapped application.
        on_response: called when a response starts; a stream is timed up to that point.
    """

    def __init__(self, app: ASGIApp, on_response: OnResponse) -> None:
        self._app = app
        self._on_response = on_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _assign_request_id(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                headers.append((_RAW_REQUEST_ID, request_id.encode()))
                _add_security_headers(headers)
                self._on_response(scope, message["status"], time.perf_counter() - started)
            await send(message)

        with log_context(request_id=request_id):
            await self._app(scope, receive, send_with_headers)


def request_id_of(request: Request) -> str:
    """Return the ID of the request.

    The ID appears in the response's ``X-Request-ID`` header, in every log line of the
    request, and in the record of a job that the request creates. The worker logs it too.
    """
    return str(request.state.request_id)


def _assign_request_id(scope: Scope) -> str:
    """Store and return the caller's request ID, or a new one."""
    value = next((value for name, value in scope["headers"] if name == _RAW_REQUEST_ID), b"")
    text = value.decode("latin-1")
    request_id = text if _REQUEST_ID_FORMAT.fullmatch(text) else str(uuid4())
    scope.setdefault("state", {})["request_id"] = request_id
    return request_id


def _add_security_headers(headers: list[tuple[bytes, bytes]]) -> None:
    """Add the security headers that the response does not set itself."""
    names = {name.lower() for name, _ in headers}
    headers += (header for header in _RAW_SECURITY_HEADERS if header[0] not in names)
