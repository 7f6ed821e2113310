"""The event stream of a batch (Server-Sent Events)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from api.answers.batch_json import batch_document
from api.answers.error_docs import error_responses
from api.callers.authentication import may_continue
from api.callers.visibility import BatchDep
from api.deps import Services, ServicesDep
from api.live.hub import Hub, HubDep
from api.routes.events import HEADERS, PING, PING_SECONDS, event_schema, is_event_id
from core.errors import BatchNotFound, ServiceUnavailable
from core.jobs.batch import Batch
from core.jobs.events import BEGINNING, BatchEvent, order_of

router = APIRouter(tags=["batches"])


@router.get(
    "/batches/{batch_id}/events",
    operation_id="follow_batch",
    summary="Follow the events of a batch",
    response_class=Response,
    responses={
        200: {
            "description": "The changes that the client has not seen.",
            "content": {"text/event-stream": {"itemSchema": event_schema(BatchEvent, "BatchView")}},
        },
        204: {"description": "The batch has ended and the client has seen its last event."},
        **error_responses(404, 422, 503),
    },
)
async def batch_events(
    request: Request,
    batch: BatchDep,
    services: ServicesDep,
    hub: HubDep,
    last_event_id: Annotated[
        str | None, Header(description="The last event that the client has seen.")
    ] = None,
) -> Response:
    """Follow a batch as a stream of events. The data of each event is the batch at that moment.

    `changed` reports that jobs have another status, several of them at once if they change in
    quick succession; `finished` is the last event.
    """
    after = last_event_id if last_event_id and is_event_id(last_event_id) else BEGINNING
    if batch.done and order_of(after) >= order_of(batch.event):
        return Response(status_code=204)  # stops an EventSource from reconnecting
    stream = _stream(batch, after, services, hub, request)
    return StreamingResponse(stream, headers=HEADERS, media_type="text/event-stream")


async def _stream(
    batch: Batch, after: str, services: Services, hub: Hub, request: Request
) -> AsyncIterator[bytes]:
    yield PING  # sends the headers at once
    prefix = request.scope.get("root_path", "")
    with hub.broadcast.listen(batch.id, after) as listener:
        with suppress(ServiceUnavailable):  # then it follows once Redis is back
            await hub.broadcast.ready()
        while not listener.closed:
            try:
                batch = await run_in_threadpool(services.store.batches.get, batch.id)
            except BatchNotFound:
                return
            except ServiceUnavailable:
                yield PING
            if not await may_continue(request):
                return
            if order_of(batch.event) > order_of(after):
                after = batch.event
                name = BatchEvent.FINISHED if batch.done else BatchEvent.CHANGED
                yield format_sse_event(
                    data_str=batch_document(batch, prefix), event=name, id=batch.event
                )
            if batch.done:
                return
            if not await listener.wait(PING_SECONDS):
                yield PING
