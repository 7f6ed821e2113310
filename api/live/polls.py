"""Polls of a job: one answered at once, and one that waits until the job has changed.

``GET /jobs/{id}`` without a query is most of the traffic of a busy API. Its fast path,
:class:`PollMiddleware`, gives the same response as :func:`api.routes.jobs.get_job`, which
OpenAPI describes, without routing, dependency injection and validation.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.answers.conditional import etag_matches, not_modified
from api.answers.errors import easel_problem
from api.answers.job_json import Snapshot
from api.live.hub import Hub, own_snapshot
from core.errors import EaselError
from core.jobs.job import is_job_id

#: The longest wait of a request, in seconds.
MAX_WAIT = 60

#: The interval of reads during a conditional wait: the queue position and the webhook deliveries
#: change without an event of the job.
_REFRESH_SECONDS = 1.0

#: The interval of reads while only the end matters: a draft lives as long as somebody reads it.
_REREAD_SECONDS = 15.0

#: The bounds of ``Retry-After``, in seconds.
_MIN_RETRY, _MAX_RETRY = 1, 30


async def wait_until(
    condition: Callable[[Snapshot], bool],
    snapshot: Snapshot,
    hub: Hub,
    seconds: float,
    *,
    only_final: bool,
) -> Snapshot:
    """Wait until a job meets a condition, and return it; after a timeout, return it as it is.

    Args:
        condition: the condition.
        snapshot: the job as it was read last.
        hub: the reader and the events.
        seconds: the timeout.
        only_final: whether only the end of the job can meet the condition.

    Raises:
        JobNotFound: the job was deleted.
        RedisUnavailable: Redis did not respond.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    with hub.broadcast.listen(snapshot.id, snapshot.event, only_final=only_final) as listener:
        await hub.broadcast.ready()
        snapshot = await hub.reader.get(snapshot.id)  # it may have changed before the subscription
        while not condition(snapshot) and not listener.closed and clock() < deadline:
            remaining = deadline - clock()
            longest = _REREAD_SECONDS if only_final else _REFRESH_SECONDS
            await listener.wait(min(remaining, longest))
            snapshot = await hub.reader.get(snapshot.id)
    return snapshot


def job_response(
    snapshot: Snapshot, request: Request, *, status: int = 200, conditional: bool = False
) -> Response:
    """Return the response with a job: a 304 if ``conditional`` and the client's ETag matches."""
    headers = {"ETag": snapshot.etag, "Cache-Control": "private, no-cache"}
    if not snapshot.done:
        headers["Retry-After"] = str(retry_after(snapshot, datetime.now(UTC)))
    if conditional and etag_matches(request, snapshot.etag):
        return not_modified(headers)
    return Response(
        snapshot.document(request.scope.get("root_path", "")),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


def retry_after(snapshot: Snapshot, now: datetime) -> int:
    """Return the seconds until the next poll is worthwhile: half of the estimated time left."""
    remaining: float | None = None
    if snapshot.outlook.starts_at is not None:
        remaining = (snapshot.outlook.starts_at - now).total_seconds()
    elif "progress" in snapshot.record:
        remaining = json.loads(snapshot.record["progress"])["eta_seconds"]
    return min(max(math.ceil((remaining or 0) / 2), _MIN_RETRY), _MAX_RETRY)


def preferred_wait(prefer: str | None) -> int | None:
    """Parse ``Prefer: wait=n`` (RFC 7240). Returns at most ``MAX_WAIT`` seconds, or None."""
    matched = re.search(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", prefer or "", re.I)
    return min(int(matched[1]), MAX_WAIT) if matched else None


_PREFIX = "/jobs/"


class PollMiddleware:
    """Responds to polls, and passes all other requests on.

    Args:
        app: the next application.
    """

    #: The route in the metrics, that of :func:`api.routes.jobs.get_job`.
    path = "/jobs/{job_id}"

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a poll, or pass the request on."""
        job_id = _poll_target(scope)
        if job_id is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = self
        response = await _respond(job_id, Request(scope))
        await response(scope, receive, send)


def _poll_target(scope: Scope) -> str | None:
    """Return the id of the job if the request is a plain poll, else None."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    job_id = path[len(_PREFIX) :]
    return job_id if path.startswith(_PREFIX) and is_job_id(job_id) else None


async def _respond(job_id: str, request: Request) -> Response:
    try:
        snapshot = await own_snapshot(job_id, request)
    except EaselError as error:
        return easel_problem(request, error)
    return job_response(snapshot, request, conditional=True)
