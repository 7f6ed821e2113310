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
from api.answers.documents import Snapshot
from api.answers.errors import easel_problem
from api.live.hub import Hub, own_snapshot
from core.errors import EaselError
from core.jobs.job import is_job_id

#: The longest that a request waits, in seconds.
LONGEST_WAIT = 60

#: The place in the queue, and whether a webhook was delivered, change without an event of
#: the job's: they are looked up so often.
_LOOK_SECONDS = 1.0

#: Between which seconds a client is told to ask again.
_SOONEST, _LATEST = 1, 30


async def wait_until(
    enough: Callable[[Snapshot], bool],
    snapshot: Snapshot,
    hub: Hub,
    seconds: float,
    *,
    only_final: bool,
) -> Snapshot:
    """The job once it is as wanted, or as it is when the time is over.

    Args:
        enough: what is wanted.
        snapshot: the job as it was.
        hub: tells of changes.
        seconds: the time.
        only_final: whether only the end of the job can be enough.

    Raises:
        JobNotFound: the job was removed.
        RedisUnavailable: Redis was away when the time was over.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    with hub.broadcast.listen(snapshot.id, snapshot.event, only_final=only_final) as listener:
        await hub.broadcast.ready()
        snapshot = await hub.reader.get(snapshot.id)  # it may have changed before that
        while not enough(snapshot) and not listener.closed and clock() < deadline:
            left = deadline - clock()
            await listener.wait(left if only_final else min(left, _LOOK_SECONDS))
            snapshot = await hub.reader.get(snapshot.id)
    return snapshot


def job_response(
    snapshot: Snapshot, request: Request, *, status: int = 200, conditional: bool = False
) -> Response:
    """The Job; where that is asked for, 304 if the caller has it already."""
    headers = {"ETag": snapshot.etag, "Cache-Control": "private, no-cache"}
    if not snapshot.done:
        headers["Retry-After"] = str(retry_after(snapshot, datetime.now(UTC)))
    if conditional and etag_matches(request, snapshot.etag):
        return not_modified(headers)
    return Response(
        snapshot.document(), status_code=status, headers=headers, media_type="application/json"
    )


def retry_after(snapshot: Snapshot, now: datetime) -> int:
    """When to ask again, in seconds: after half of the time that is probably left."""
    left: float | None = None
    if snapshot.starts_at is not None:
        left = (snapshot.starts_at - now).total_seconds()
    elif "progress" in snapshot.record:
        left = json.loads(snapshot.record["progress"])["eta_seconds"]
    return min(max(math.ceil((left or 0) / 2), _SOONEST), _LATEST)


def preferred_wait(prefer: str | None) -> int | None:
    """The seconds of ``Prefer: wait=n`` (RFC 7240), at most a minute; None without."""
    matched = re.search(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", prefer or "", re.I)
    return min(int(matched[1]), LONGEST_WAIT) if matched else None


_PREFIX = "/jobs/"


class PollMiddleware:
    """Answers polls, and passes all else on.

    Args:
        app: the rest.
    """

    #: What metrics call it, as they do the call that it stands for.
    path = "/jobs/{job_id}"

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        job_id = _polled(scope)
        if job_id is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = self
        answer = await _answer(job_id, Request(scope))
        await answer(scope, receive, send)


def _polled(scope: Scope) -> str | None:
    """The job that is asked for, if that is all that the request asks."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    path: str = scope["path"]
    job_id = path[len(_PREFIX) :]
    return job_id if path.startswith(_PREFIX) and is_job_id(job_id) else None


async def _answer(job_id: str, request: Request) -> Response:
    try:
        snapshot = await own_snapshot(job_id, request)
    except EaselError as error:
        return easel_problem(request, error)
    return job_response(snapshot, request, conditional=True)
