"""A job's events over HTTP, as Server-Sent Events."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from api.answers.documents import Snapshot, job_document
from api.answers.error_docs import error_responses
from api.live.broadcast import Listener
from api.live.hub import Hub, HubDep, ShownSnapshotDep
from core.errors import JobNotFound, ServiceUnavailable
from core.jobs.events import (
    BEGINNING,
    PUBLIC_EVENTS,
    Event,
    EventName,
    event_of_status,
    order_of,
)

router = APIRouter(tags=["jobs"])

#: A comment is sent so often, so that nothing on the way takes the connection for dead.
_PING_SECONDS = 15

#: The place in the queue changes without an event of the job's: it is looked up so often.
_LOOK_SECONDS = 2

#: No empty line behind it, which some clients take for an event.
_PING = b": ping\n"

#: So many events are kept as they were written: some kilobytes each.
_REMEMBERED = 256

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


#: One event, as OpenAPI 3.2 describes the items of a stream.
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"enum": [*PUBLIC_EVENTS]},
        "id": {"type": "string"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/JobView"},
        },
    },
    "required": ["event", "id", "data"],
}


@router.get(
    "/jobs/{job_id}/events",
    operation_id="follow_job",
    response_class=Response,  # FastAPI's own for events takes the handler for a generator
    responses={
        200: {
            "description": "The events, from the first one that the client has not seen.",
            "content": {"text/event-stream": {"itemSchema": _EVENT}},
        },
        204: {"description": "The job has ended, and the client has seen its last event."},
        **error_responses(403, 404, 422, 503),
    },
)
async def job_events(
    snapshot: ShownSnapshotDep,
    hub: HubDep,
    last_event_id: Annotated[
        str | None, Header(description="The id of the last event seen; those after it follow.")
    ] = None,
) -> Response:
    """Follow the job: `queued started progress preview succeeded failed canceled`.

    While it waits, another `queued` tells of each new place in the queue. Each event's data
    is the Job as it was then. The stream ends after the last event.
    """
    after = last_event_id if last_event_id and _is_event(last_event_id) else ""
    if snapshot.done and after and order_of(after) >= order_of(snapshot.event):
        return Response(status_code=204)  # which makes an EventSource stop
    return StreamingResponse(
        _stream(snapshot, hub, after or BEGINNING),
        headers=_HEADERS,
        media_type="text/event-stream",
    )


def _is_event(text: str) -> bool:
    """Whether it can be the id of an event: two numbers of 64 bits."""
    found = re.fullmatch(r"(\d{1,20})-(\d{1,20})", text)
    return found is not None and max(int(found[1]), int(found[2])) < 2**64


async def _stream(snapshot: Snapshot, hub: Hub, after: str) -> AsyncIterator[bytes]:
    yield _PING  # the client is told at once that it is connected
    with hub.broadcast.listen(snapshot.id, after) as listener:
        for event in await _missed(snapshot, hub, after):
            listener.tell(event)
        async for said in _story(_Client(snapshot, hub), listener):
            yield said


async def _story(client: _Client, listener: Listener) -> AsyncIterator[bytes]:
    while not listener.closed:
        events = await listener.wait(client.patience)
        for event in events:
            if event.name != EventName.REMOVED:
                yield client.tell(event)
            if event.final:
                return
        if not events:
            said = await client.look()
            if said is None:
                return
            if said:
                yield said


class _Client:
    """What the client of one stream was told, and when."""

    def __init__(self, snapshot: Snapshot, hub: Hub) -> None:
        self._snapshot = snapshot
        self._hub = hub
        self._place = snapshot.position
        self._told_at = time.monotonic()

    @property
    def patience(self) -> float:
        """How long to wait for an event before looking at the job."""
        return _PING_SECONDS if self._place is None else _LOOK_SECONDS

    def tell(self, event: Event) -> bytes:
        """An event, with the Job as it was then."""
        self._place, self._told_at = _position(event), time.monotonic()
        params = self._snapshot.record["params"]
        return _written(event, self._snapshot.id, params, self._hub.reader.start_of(self._place))

    async def look(self) -> bytes | None:
        """What is to be said where there was no event; None if the job is gone."""
        try:
            now = await self._hub.reader.get(self._snapshot.id)
        except JobNotFound:
            return None
        except ServiceUnavailable:
            return self._ping()
        if now.position in (None, self._place):
            return self._ping()
        self._place, self._told_at = now.position, time.monotonic()
        return format_sse_event(data_str=now.document(), event="queued", id=now.event)

    def _ping(self) -> bytes:
        """A comment, if it is time for one; else nothing."""
        if time.monotonic() - self._told_at < _PING_SECONDS:
            return b""
        self._told_at = time.monotonic()
        return _PING


async def _missed(snapshot: Snapshot, hub: Hub, after: str) -> list[Event]:
    """The events since then; failing those, one that tells how the job is now.

    While Redis is away there are none: the listener hears of them later.
    """
    try:
        await hub.broadcast.ready()
        events = await hub.broadcast.backlog(snapshot.id, after)
        if not events:
            snapshot = await hub.reader.get(snapshot.id)
    except (ServiceUnavailable, JobNotFound):
        # Of a job that has ended the listener will hear nothing more.
        return [_present(snapshot)] if snapshot.done else []
    if not events and order_of(snapshot.event) > order_of(after):
        return [_present(snapshot)]
    return events


def _present(snapshot: Snapshot) -> Event:
    return Event(snapshot.event, event_of_status(snapshot.record["status"]), snapshot.record)


def _position(event: Event) -> int | None:
    position = event.state.get("position")
    return None if position is None else int(position)


@lru_cache(maxsize=_REMEMBERED)
def _written(event: Event, job_id: str, params: str, starts_at: datetime | None) -> bytes:
    """The event with the Job as it was then: written once for all who follow."""
    record = {"id": job_id, "params": params, **event.state}
    document = job_document(record, _position(event), starts_at)
    return format_sse_event(data_str=document, event=event.name, id=event.id)
