"""The newest preview of a job over HTTP."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers.conditional import etag_matches, not_modified
from api.answers.documents import Snapshot
from api.answers.error_docs import error_responses
from api.deps import Services, ServicesDep
from api.live.hub import Hub, HubDep, ShownSnapshotDep
from core.errors import BlobCorrupt, BlobNotFound, NoPreviewYet, ResultExpired

router = APIRouter(tags=["pictures"])


@router.get(
    "/jobs/{job_id}/preview",
    operation_id="get_preview",
    response_class=Response,
    responses={
        200: {
            "description": "A JPEG, its longer side at most 512 pixels.",
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "The client has it already."},
        **error_responses(
            403,
            404,
            410,
            422,
            503,
            _404="`no_preview_yet`: ask again later. `job_not_found`: there is no such job.",
        ),
    },
)
async def get_preview(
    snapshot: ShownSnapshotDep,
    services: ServicesDep,
    hub: HubDep,
    request: Request,
) -> Response:
    """The newest preview of the picture; once the job has succeeded, of the finished one."""
    answer = await _newest(snapshot, services, hub, request)
    if answer is None:  # it may have just ended, and have another one now
        answer = await _newest(await hub.reader.get(snapshot.id), services, hub, request)
    if answer is None:
        raise NoPreviewYet(
            f"the last preview of job {snapshot.id} was removed, and no worker goes on with it "
            "yet; ask again when it runs"
        )
    return answer


async def _newest(
    snapshot: Snapshot, services: Services, hub: Hub, request: Request
) -> Response | None:
    """The answer; None if the preview has gone although the job has not ended."""
    version = int(snapshot.record.get("preview_version", "0"))
    finished = snapshot.record.get("preview") if snapshot.done else None
    if not version and finished is None:
        raise NoPreviewYet(_why_none(snapshot))
    tag = f'"{version}-{snapshot.record["status"]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if etag_matches(request, tag):
        return not_modified(headers)
    data = await (hub.preview(snapshot.id) if finished is None else _kept(finished, services))
    if data is None and not snapshot.done:
        return None
    if data is None:
        raise ResultExpired(f"the preview of job {snapshot.id} was removed; submit the job again")
    return Response(data, media_type="image/jpeg", headers=headers)


async def _kept(picture: str, services: Services) -> bytes | None:
    try:
        return await run_in_threadpool(services.blobs.get, json.loads(picture)["sha256"])
    except (BlobNotFound, BlobCorrupt):
        return None


def _why_none(snapshot: Snapshot) -> str:
    if snapshot.done:
        return f"job {snapshot.id} ended {snapshot.record['status']} before there was a preview"
    return (
        f"job {snapshot.id} is {snapshot.record['status']} and has no preview yet; "
        "ask again when its `progress.preview_version` is above 0"
    )
