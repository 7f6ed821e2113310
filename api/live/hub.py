"""What waits and reads for all requests of one process, on its event loop."""

from __future__ import annotations

import asyncio
from typing import Annotated, cast

from fastapi import Depends, Request

from api.answers.documents import Snapshot
from api.callers.authentication import caller_of
from api.callers.visibility import ViewerDep, owned
from api.live.broadcast import Broadcast
from api.live.reader import JobReader
from core.runtime.redis import connect_async, redis_outages
from core.store.keys import preview_key

#: Reading, following the events, looking into the streams of single jobs.
_CONNECTIONS = 8


class Hub:
    """The event loop's side of Redis. It connects when it is first asked.

    Args:
        redis_url: of the server.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = connect_async(redis_url, connections=_CONNECTIONS)
        self._bytes = connect_async(redis_url, connections=2, decode=False)
        self.reader = JobReader(self._redis)
        self.broadcast = Broadcast(self._redis)

    async def preview(self, job_id: str) -> bytes | None:
        """The newest preview of a job that has not succeeded, if there is one."""
        with redis_outages():
            return cast("bytes | None", await self._bytes.get(preview_key(job_id)))

    async def close(self) -> None:
        """End every wait, and the connections."""
        self.broadcast.close()
        await self._redis.aclose()
        await self._bytes.aclose()


def hub_of(request: Request) -> Hub:
    """The one of the process that answers."""
    return cast(Hub, request.app.state.hub)


async def _hub(request: Request) -> Hub:
    return hub_of(request)


HubDep = Annotated[Hub, Depends(_hub)]


async def own_snapshot(job_id: str, request: Request) -> Snapshot:
    """The job of that id as it is now, if it is the caller's."""
    # Calls what could be dependencies of its own: each costs as much as reading the job.
    # The job is on its way while the request is counted.
    reading = hub_of(request).reader.ask(job_id)
    caller = await caller_of(request)
    return owned(await asyncio.shield(reading), caller)


async def _shown_snapshot(job_id: str, hub: HubDep, viewer: ViewerDep) -> Snapshot:
    snapshot = await hub.reader.get(job_id)
    return snapshot if viewer is None else owned(snapshot, viewer)


#: The job that the path names, which is the caller's, as it is now.
SnapshotDep = Annotated[Snapshot, Depends(own_snapshot)]

#: The same; or the job that a signed link is for.
ShownSnapshotDep = Annotated[Snapshot, Depends(_shown_snapshot)]
