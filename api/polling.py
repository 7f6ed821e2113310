"""``GET /jobs/{id}`` without a query: most of what a busy api is asked.

The same call as :func:`api.jobs.get_job`, which is what the schema describes. It has no
parameters to check, so it does without FastAPI's machinery for them, which would take
more time than all else.
"""

from __future__ import annotations

from fastapi import Request, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from api.live import own_snapshot
from api.waiting import job_response


class PollRoute(Route):
    """Before all other routes; what it does not match goes on to them."""

    def __init__(self) -> None:
        super().__init__("/jobs/{job_id}", _poll, methods=["GET"], include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Only a GET, and only without a query."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
            return Match.NONE, {}
        match, child_scope = super().matches(scope)
        return match, {**child_scope, "route": self}  # metrics go by it


async def _poll(request: Request) -> Response:
    snapshot = await own_snapshot(request.path_params["job_id"], request)
    return job_response(snapshot, request, conditional=True)
