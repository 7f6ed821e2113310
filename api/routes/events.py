"""The event stream of a job (Server-Sent Events)."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from api.answers.error_docs import error_responses
from api.answers.job_json import Outlook, Snapshot, job_document
from api.callers.authentication import Caller, may_continue
from api.callers.visibility import ViewerDep
from api.live.broadcast import Listener
from api.live.hub import Hub, HubDep, VisibleSnapshotDep
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

#: The interval of comments, which keep proxies from closing an idle connection.
PING_SECONDS = 15

#: The interval of reads of a queued job, whose position changes without an event.
_POSITION_SECONDS = 2

#: How long a checked API key counts as valid.
_AUTHORIZED_SECONDS = 1

#: Without an empty line after it, which some clients take for an event.
PING = b": ping\n"

#: The number of serialised events to cache, a few kilobytes each.
_CACHE_SIZE = 256

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event_schema(names: Iterable[str], view: str) -> dict[str, Any]:
    """Return the schema of one event, an ``itemSchema`` of OpenAPI 3.2.

    Args:
        names: the names of the events.
        view: the schema of their data.
    """
    return {
        "type": "object",
        "properties": {
            "event": {"enum": [str(name) for name in names]},
            "id": {"type": "string"},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": f"#/components/schemas/{view}"},
            },
        },
        "required": ["event", "id", "data"],
    }


@router.get(
    "/jobs/{job_id}/events",
    operation_id="follow_job",
    summary="Follow the events of a job",
    response_class=Response,  # FastAPI's EventSourceResponse requires a generator
    responses={
        200: {
            "description": "The events that the client has not seen.",
            "content": {
                "text/event-stream": {"itemSchema": event_schema(PUBLIC_EVENTS, "JobView")}
            },
        },
        204: {"description": "The job has ended and the client has seen its last event."},
        **error_responses(403, 404, 422, 503),
    },
)
async def job_events(
    request: Request,
    viewer: ViewerDep,
    snapshot: VisibleSnapshotDep,
    hub: HubDep,
    last_event_id: Annotated[
        str | None,
        Header(
            description="The last event that the client has seen. The stream continues after it."
        ),
    ] = None,
) -> Response:
    """Follow a job as a stream of events. The data of each event is the job at that moment.

    While the job is queued, every change of its queue position sends another `queued` event. The
    stream ends after the last event, or when the API key of the request is revoked.
    """
    after = last_event_id if last_event_id and is_event_id(last_event_id) else ""
    if snapshot.done and after and order_of(after) >= order_of(snapshot.event):
        return Response(status_code=204)  # stops an EventSource from reconnecting
    return StreamingResponse(
        _stream(_Client(snapshot, hub, request, viewer), after or BEGINNING),
        headers=HEADERS,
        media_type="text/event-stream",
    )


def is_event_id(text: str) -> bool:
    """Return whether a text is a valid event id: two 64-bit numbers."""
    matched = re.fullmatch(r"(\d{1,20})-(\d{1,20})", text)
    return matched is not None and max(int(matched[1]), int(matched[2])) < 2**64


async def _stream(client: _Client, after: str) -> AsyncIterator[bytes]:
    yield PING  # sends the headers at once
    snapshot, hub = client.snapshot, client.hub
    with hub.broadcast.listen(snapshot.id, after) as listener:
        for event in await _missed_events(snapshot, hub, after):
            listener.add(event)
        async for chunk in _events(client, listener):
            if not await client.authorized():
                return
            yield chunk


async def _events(client: _Client, listener: Listener) -> AsyncIterator[bytes]:
    while not listener.closed:
        events = await listener.wait(client.timeout)
        for event in events:
            if event.name != EventName.REMOVED:
                yield await client.send(event)
            if event.final:
                return
        if not events:
            chunk = await client.refresh()
            if chunk is None:
                return
            if chunk:
                yield chunk


class _Client:
    """The state of one stream: what was sent last, and when.

    Args:
        snapshot: the job.
        hub: the reader and the events.
        request: the request of the client.
        viewer: the caller; None if the request has a signed link.
    """

    def __init__(
        self, snapshot: Snapshot, hub: Hub, request: Request, viewer: Caller | None
    ) -> None:
        self.snapshot = snapshot
        self.hub = hub
        self._request = request
        self._viewer = viewer
        self._prefix = request.scope.get("root_path", "")
        self._position = snapshot.position
        self._sent_at = self._authorized_at = time.monotonic()

    async def authorized(self) -> bool:
        """Return whether the client's key is valid, checked once a second."""
        now = time.monotonic()
        if self._viewer is None or now - self._authorized_at < _AUTHORIZED_SECONDS:
            return True
        self._authorized_at = now
        return await may_continue(self._request)

    @property
    def timeout(self) -> float:
        """The seconds to wait for an event before the job is read again."""
        return PING_SECONDS if self._position is None else _POSITION_SECONDS

    async def send(self, event: Event) -> bytes:
        """Serialise an event with the job at that moment."""
        if event.name == EventName.EDITED:  # events leave out the parameters
            with suppress(ServiceUnavailable, JobNotFound):
                self.snapshot = await self.hub.reader.get(self.snapshot.id)
        self._position, self._sent_at = _position(event), time.monotonic()
        params, edits = self.snapshot.record["params"], self.snapshot.record.get("edits", "[]")
        record = {**self.snapshot.record, **event.state}
        outlook = self.hub.reader.outlook(record, self._position)
        return _serialised(event, self.snapshot.id, params, edits, outlook, self._prefix)

    async def refresh(self) -> bytes | None:
        """Read the job after a time without events. Returns None if the job was deleted."""
        try:
            current = await self.hub.reader.get(self.snapshot.id)
        except JobNotFound:
            return None
        except ServiceUnavailable:
            return self._ping()
        if current.position in (None, self._position):
            return self._ping()
        self._position, self._sent_at = current.position, time.monotonic()
        return format_sse_event(
            data_str=current.document(self._prefix), event=EventName.QUEUED, id=current.event
        )

    def _ping(self) -> bytes:
        """Return a comment if one is due, else nothing."""
        if time.monotonic() - self._sent_at < PING_SECONDS:
            return b""
        self._sent_at = time.monotonic()
        return PING


async def _missed_events(snapshot: Snapshot, hub: Hub, after: str) -> list[Event]:
    """Return the events after the given one or, if they have expired, one with the current job.

    While Redis is unavailable there are none; the listener receives them later.
    """
    try:
        await hub.broadcast.ready()
        events = await hub.broadcast.backlog(snapshot.id, after)
        if not events:
            snapshot = await hub.reader.get(snapshot.id)
    except (ServiceUnavailable, JobNotFound):
        # The listener receives no more events of a job that has ended.
        return [_current_event(snapshot)] if snapshot.done else []
    if not events and order_of(snapshot.event) > order_of(after):
        return [_current_event(snapshot)]
    return events


def _current_event(snapshot: Snapshot) -> Event:
    return Event(snapshot.event, event_of_status(snapshot.record["status"]), snapshot.record)


def _position(event: Event) -> int | None:
    position = event.state.get("position")
    return None if position is None else int(position)


@lru_cache(maxsize=_CACHE_SIZE)
def _serialised(
    event: Event, job_id: str, params: str, edits: str, outlook: Outlook, prefix: str
) -> bytes:
    """Serialise an event with the job at that moment, once for all clients."""
    record = {"id": job_id, "params": params, "edits": edits, **event.state}
    document = job_document(record, _position(event), outlook, prefix)
    return format_sse_event(data_str=document, event=event.name, id=event.id)
