"""One id by which a request can be followed, from the client through the api to the worker."""

from __future__ import annotations

import re

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid4

from core.logs import log_context

HEADER = "X-Request-ID"

#: What a caller's id may be. Another one is replaced: it goes into logs and headers.
_GOOD = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


class RequestIds:
    """Gives every request an id: the caller's own, or a new one.

    It is in the answer's ``X-Request-ID``, in every log line written meanwhile, and in
    the record of a job that is posted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _GOOD.fullmatch(given) else str(uuid4())
        scope.setdefault("state", {})["request_id"] = request_id

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with log_context(request_id=request_id):
            await self._app(scope, receive, marked)


def request_id_of(request: Request) -> str:
    """The request's id."""
    return str(request.state.request_id)
