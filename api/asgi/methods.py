"""HEAD and OPTIONS for every route."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allowed_methods(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """Return the methods that the request's path supports; empty if no route has the path."""
    methods = [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    if "GET" in methods:
        methods.insert(1, "HEAD")
    return [*methods, "OPTIONS"] if methods else []


class HeadAndOptions:
    """Answers HEAD like GET without the body, and OPTIONS with an ``Allow`` header.

    Args:
        app: the wrapped application.
        routes: the routes of the application.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
        # Only GET has ranges (RFC 9110, 14.2).
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        inner = {**scope, "method": "GET", "headers": headers}

        async def send_without_body(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                if "route" in inner:  # the metrics read the route from the outer scope
                    scope["route"] = inner["route"]
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                answered = True

        async def receive_until_answered() -> Message:
            # An event stream runs until its client disconnects. HEAD reads no body, so
            # report the disconnect as soon as the headers are sent.
            return {"type": "http.disconnect"} if answered else await receive()

        await self._app(inner, receive_until_answered, send_without_body)
