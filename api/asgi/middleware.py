"""What every request passes through before a handler sees it."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import UploadsFull


class BodyLimits(Protocol):
    """What bodies are held to; ``Settings`` has it."""

    @property
    def max_body_bytes(self) -> int:
        """Of one request."""

    @property
    def max_held_bytes(self) -> int:
        """Of all requests at a time."""

    @property
    def upload_seconds(self) -> int:
        """A body may take so long,"""

    @property
    def upload_rate(self) -> int:
        """and a second more for each so many of its bytes."""


class BodyLimit:
    """Counts bodies as they arrive, declared or chunked, and refuses what is too much.

    Starlette's own middleware counts the same way, but answers in plain text;
    here the refusal is raised where the body is read, and so becomes a problem
    document like every other error.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self._app = app
        self._limits = limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(Headers(scope=scope).get("content-length", ""), self._limits)

        async def counted() -> Message:
            if body.complete:
                return await receive()
            body.check_declared()
            message = await body.in_time(receive)
            arrived = len(message.get("body", b""))
            body.count(message, arrived)
            self._hold(body, arrived)
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._held -= body.held

    def _hold(self, body: _Body, arrived: int) -> None:
        others = self._held - body.held
        if arrived and others and self._held + arrived > self._limits.max_held_bytes:
            raise UploadsFull(
                f"{self._held} bytes of uploads are under way, and "
                f"{self._limits.max_held_bytes} are allowed at a time",
                retry_after=2,
            )
        self._held += arrived
        body.held += arrived


class _Body:
    """One request's body."""

    def __init__(self, declared: str, limits: BodyLimits) -> None:
        self._declared = declared
        self._limits = limits
        #: When it was first asked for: the time that we take before is not the client's.
        self._began: float | None = None
        self._received = 0
        self.held = 0
        self.complete = False

    def check_declared(self) -> None:
        """Refuse before the first byte what says that it will be too large."""
        if self._declared.isdecimal() and int(self._declared) > self._limits.max_body_bytes:
            raise self._too_large()

    async def in_time(self, receive: Receive) -> Message:
        """The next part, if it comes soon enough."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        allowed = self._limits.upload_seconds + self._received / self._limits.upload_rate
        try:
            async with asyncio.timeout(max(0.0, self._began + allowed - now)):
                return await receive()
        except TimeoutError:
            raise HTTPException(
                408,
                f"{self._received} bytes of the body came in {allowed:.0f} seconds; at least "
                f"{self._limits.upload_rate} a second are expected after "
                f"{self._limits.upload_seconds} seconds",
                headers={"Connection": "close"},
            ) from None

    def count(self, message: Message, arrived: int) -> None:
        """Add a part."""
        self._received += arrived
        if self._received > self._limits.max_body_bytes:
            raise self._too_large()
        self.complete = not message.get("more_body", False)

    def _too_large(self) -> HTTPException:
        limit = self._limits.max_body_bytes
        return HTTPException(413, f"the body is larger than the {limit} bytes allowed")
