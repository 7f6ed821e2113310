"""HEAD and OPTIONS, for every call there is."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allowed_methods(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """What can be done with the path of a request; nothing where there is no such path."""
    found = [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    if "GET" in found:
        found.insert(1, "HEAD")
    return [*found, "OPTIONS"] if found else []


class Methods:
    """Answers HEAD as GET without the body, and OPTIONS with what is allowed.

    Args:
        app: the rest.
        routes: the calls there are.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it is answered here."""
        method = scope["method"] if scope["type"] == "http" else None
        if method == "HEAD":
            await self._head(scope, receive, send)
            return
        if method == "OPTIONS" and (allowed := allowed_methods(self._routes, scope)):
            headers = {"Allow": ", ".join(allowed)}
            await Response(status_code=204, headers=headers)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = False
        inner = {**scope, "method": "GET"}

        async def without_body(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                if "route" in inner:  # which metrics count it under
                    scope["route"] = inner["route"]
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                answered = True

        async def heard() -> Message:
            # A stream goes on until its reader is gone; of this one nobody reads.
            return {"type": "http.disconnect"} if answered else await receive()

        await self._app(inner, heard, without_body)
