"""``GET /jobs/{id}`` without a query: most of what a busy api is asked.

The same call as :func:`api.routes.jobs.get_job`, which is what the schema describes. It has no
parameters and no body to check, so it does without the layers that do that, which would
take more time than all else.
"""

from __future__ import annotations

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.answers.errors import easel_problem
from api.live.hub import own_snapshot
from api.live.waiting import job_response
from core.errors import EaselError
from core.jobs.job import is_job_id

_PREFIX = "/jobs/"


class Polls:
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
