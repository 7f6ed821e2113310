"""Limits on request bodies: bytes per request, bytes in memory, and upload rate.

These apply to the raw body of any request while it arrives. The limits on the files and
fields inside a form are in ``api.intake.form`` and ``api.intake.multipart``.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from functools import partial

from fastapi import HTTPException, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import UploadsFull
from core.settings.limits import Limits

#: A caller holds at most this part of the memory for uploads.
_CALLERS = 2


class BodyLimit:
    """Counts the bytes of bodies as they arrive, declared or chunked, and enforces the limits.

    Errors are raised where the body is read, so that they become problem documents like
    every other error.

    Args:
        app: the wrapped application.
        limits: uses ``max_body_bytes`` (of one request), ``max_held_bytes`` (of all requests
            at a time, half of it for one caller), ``upload_seconds`` (the time that any body
            may take) and ``upload_rate`` (the bytes that must arrive in each further second).
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._held = 0
        self._held_by_caller: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(Headers(scope=scope).get("content-length", ""), self._limits)

        async def receive_limited() -> Message:
            if body.complete:
                return await receive()
            body.check_declared()
            message = await body.receive_in_time(receive)
            size = len(message.get("body", b""))
            body.count(message, size)
            self._hold(body, size, scope["state"].get("caller", ""))
            return message

        scope.setdefault("state", {})["release_body"] = partial(self._release, body)
        try:
            await self._app(scope, receive_limited, send)
        finally:
            self._release(body)

    def _hold(self, body: _Body, size: int, caller: str) -> None:
        most = self._limits.max_held_bytes
        for held, allowed, whose in (
            (self._held, most, ""),
            (self._held_by_caller[caller], most // _CALLERS, " of one caller"),
        ):
            others = held - body.held
            if size and others and held + size > allowed:
                raise UploadsFull(
                    f"{held} bytes of uploads{whose} are in progress; at most {allowed} are "
                    "allowed at a time",
                    retry_after=2,
                )
        body.caller = caller
        body.held += size
        self._held += size
        self._held_by_caller[caller] += size

    def _release(self, body: _Body) -> None:
        self._held -= body.held
        self._held_by_caller[body.caller] -= body.held
        if not self._held_by_caller[body.caller]:
            del self._held_by_caller[body.caller]
        body.held = 0


def release_body(request: Request) -> None:
    """Count the body of a request no longer, because its memory is free."""
    request.state.release_body()


class _Body:
    """The body of one request, counted as it arrives."""

    def __init__(self, declared: str, limits: Limits) -> None:
        self._declared = declared
        self._limits = limits
        #: When the application first read from the body. The client is not charged for
        #: the time before.
        self._started_at: float | None = None
        self._received = 0
        self.held = 0
        self.caller = ""
        self.complete = False

    def check_declared(self) -> None:
        """Raise before the first byte is read if ``Content-Length`` exceeds the limit."""
        if self._declared.isdecimal() and int(self._declared) > self._limits.max_body_bytes:
            raise self._too_large()

    async def receive_in_time(self, receive: Receive) -> Message:
        """Return the next part of the body, or raise a 408 if it arrives too late."""
        now = time.monotonic()
        if self._started_at is None:
            self._started_at = now
        allowed = self._limits.upload_seconds + self._received / self._limits.upload_rate
        try:
            async with asyncio.timeout(max(0.0, self._started_at + allowed - now)):
                return await receive()
        except TimeoutError:
            raise HTTPException(
                408,
                f"{self._received} bytes of the body arrived in {allowed:.0f} seconds; expected at "
                f"least {self._limits.upload_rate} bytes a second after the first "
                f"{self._limits.upload_seconds} seconds",
                headers={"Connection": "close"},
            ) from None

    def count(self, message: Message, size: int) -> None:
        """Count a part of the body."""
        self._received += size
        if self._received > self._limits.max_body_bytes:
            raise self._too_large()
        self.complete = not message.get("more_body", False)

    def _too_large(self) -> HTTPException:
        limit = self._limits.max_body_bytes
        return HTTPException(413, f"the body is too large; at most {limit} bytes are allowed")
