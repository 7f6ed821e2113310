"""Limits on the requests that a process answers at a time."""

from __future__ import annotations

from collections import Counter

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import ConnectionsFull, TooManyConnections
from core.settings.limits import Limits


class OpenRequests:
    """Counts the open requests of all callers, and of each.

    Requests count once their caller is known, so ``/healthz`` is always answered.

    Args:
        app: the wrapped application.
        limits: uses ``max_connections`` and ``max_connections_per_caller``.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._most = limits.max_connections
        self._most_of_caller = min(limits.max_connections_per_caller, max(1, self._most // 2))
        self._open: Counter[str] = Counter()
        self._total = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, which :func:`count_open` adds to those of its caller."""
        counted: list[str] = []

        def count(caller: str) -> None:
            self._check(caller)
            self._total += 1
            self._open[caller] += 1
            counted.append(caller)

        if scope["type"] == "http":
            scope.setdefault("state", {})["count_open"] = count
        try:
            await self._app(scope, receive, send)
        finally:
            for caller in counted:
                self._total -= 1
                self._open[caller] -= 1
                if not self._open[caller]:
                    del self._open[caller]

    def _check(self, caller: str) -> None:
        if self._open[caller] >= self._most_of_caller:
            raise TooManyConnections(
                f"you have {self._open[caller]} requests open; at most {self._most_of_caller} are "
                "allowed at a time",
                retry_after=5,
            )
        if self._total >= self._most:
            raise ConnectionsFull(
                f"the server answers {self._total} requests; at most {self._most} are "
                "allowed at a time",
                retry_after=5,
            )


def count_open(request: Request, caller: str) -> None:
    """Count a request as open until it is answered.

    Args:
        request: the request.
        caller: what limits count by.

    Raises:
        TooManyConnections: the caller has too many open requests.
        ConnectionsFull: all callers together have.
    """
    request.state.count_open(caller)
