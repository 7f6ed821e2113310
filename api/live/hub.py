"""The shared asynchronous Redis clients of a process, and the dependencies that use them."""

from __future__ import annotations

import asyncio
from typing import Annotated, cast

from fastapi import Depends, Request

from api.answers.job_json import Snapshot
from api.callers.authentication import caller_of
from api.callers.visibility import ViewerDep, owned
from api.live.broadcast import Broadcast
from api.live.reader import JobReader
from core.runtime.redis import connect_async, redis_outages
from core.store.keys import preview_key

#: Connections for reads, the event stream, and the streams of single jobs.
_CONNECTIONS = 8


class Hub:
    """The job reader and the event broadcast of a process. Connects on first use.

    Args:
        redis_url: the URL of the Redis server.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = connect_async(redis_url, connections=_CONNECTIONS)
        self._bytes = connect_async(redis_url, connections=2, decode=False)
        self.reader = JobReader(self._redis)
        self.broadcast = Broadcast(self._redis)

    async def preview(self, job_id: str) -> bytes | None:
        """Return the newest preview of a job that has not succeeded, or None."""
        with redis_outages():
            return cast("bytes | None", await self._bytes.get(preview_key(job_id)))

    async def close(self) -> None:
        """End all waits and close the connections."""
        self.broadcast.close()
        await self._redis.aclose()
        await self._bytes.aclose()


def hub_of(request: Request) -> Hub:
    """Return the hub of the application."""
    return cast(Hub, request.app.state.hub)


async def _hub(request: Request) -> Hub:
    return hub_of(request)


HubDep = Annotated[Hub, Depends(_hub)]


async def own_snapshot(job_id: str, request: Request) -> Snapshot:
    """Return the current state of the caller's job, or raise JobNotFound."""
    # Plain calls instead of dependencies, each of which would cost as much as reading the job.
    # The job is read while the request is authenticated and counted.
    reading = hub_of(request).reader.read(job_id)
    caller = await caller_of(request)
    return owned(await asyncio.shield(reading), caller)


async def _visible_snapshot(job_id: str, hub: HubDep, viewer: ViewerDep) -> Snapshot:
    snapshot = await hub.reader.get(job_id)
    return snapshot if viewer is None else owned(snapshot, viewer)


#: The current state of the job in the path, which the caller owns.
SnapshotDep = Annotated[Snapshot, Depends(own_snapshot)]

#: The current state of the job in the path, which the caller owns or has a signed link to.
VisibleSnapshotDep = Annotated[Snapshot, Depends(_visible_snapshot)]
