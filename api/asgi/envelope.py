"""What every answer is put into, whichever handler or middleware gave it."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.asgi.headers import add_usual_headers
from api.asgi.request_ids import RAW_HEADER, give_id
from api.metrics import Metrics
from core.runtime.logs import log_context


class Envelope:
    """Gives each request its id and each answer its usual headers, and times it.

    One wrapper round ``send`` does all three: they are paid for by every request.

    Args:
        app: the rest.
        metrics: counts the answers; a stream counts until it begins.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = give_id(scope)

        async def enveloped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                headers.append((RAW_HEADER, request_id.encode()))
                add_usual_headers(headers)
                self._metrics.answered(scope, message["status"], time.perf_counter() - started)
            await send(message)

        with log_context(request_id=request_id):
            await self._app(scope, receive, enveloped)
