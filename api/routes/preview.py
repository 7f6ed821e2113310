"""The newest preview of a job."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers.conditional import etag_matches, not_modified
from api.answers.error_docs import error_responses
from api.answers.job_json import Snapshot
from api.deps import Services, ServicesDep
from api.live.hub import Hub, HubDep, VisibleSnapshotDep
from core.errors import BlobCorrupt, BlobNotFound, NoPreviewYet, ResultExpired

router = APIRouter(tags=["pictures"])


@router.get(
    "/jobs/{job_id}/preview",
    operation_id="get_preview",
    summary="Download the newest preview",
    response_class=Response,
    responses={
        200: {
            "description": "A JPEG whose longer side has at most 512 pixels.",
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "Not modified: the client has this preview."},
        **error_responses(
            403,
            404,
            410,
            422,
            503,
            _404="`no_preview_yet`: try again later. `job_not_found`: the job does not exist.",
        ),
    },
)
async def get_preview(
    snapshot: VisibleSnapshotDep,
    services: ServicesDep,
    hub: HubDep,
    request: Request,
) -> Response:
    """Return the newest preview, which is that of the result once the job has succeeded."""
    response = await _newest(snapshot, services, hub, request)
    if response is None:  # the job may have ended meanwhile and have another preview
        response = await _newest(await hub.reader.get(snapshot.id), services, hub, request)
    if response is None:
        raise NoPreviewYet(
            f"the last preview of job {snapshot.id} was removed and no worker has resumed the job; "
            "try again when it is running"
        )
    return response


async def _newest(
    snapshot: Snapshot, services: Services, hub: Hub, request: Request
) -> Response | None:
    """Return the response, or None if the preview of an unfinished job was removed."""
    version = int(snapshot.record.get("preview_version", "0"))
    finished = snapshot.record.get("preview") if snapshot.done else None
    if not version and finished is None:
        raise NoPreviewYet(_no_preview_reason(snapshot))
    etag = f'"{version}-{snapshot.record["status"]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag_matches(request, etag):
        return not_modified(headers)
    data = await (hub.preview(snapshot.id) if finished is None else _stored(finished, services))
    if data is None and not snapshot.done:
        return None
    if data is None:
        raise ResultExpired(f"the preview of job {snapshot.id} was removed; submit the job again")
    return Response(data, media_type="image/jpeg", headers=headers)


async def _stored(picture: str, services: Services) -> bytes | None:
    try:
        return await run_in_threadpool(services.blobs.get, json.loads(picture)["sha256"])
    except (BlobNotFound, BlobCorrupt):
        return None


def _no_preview_reason(snapshot: Snapshot) -> str:
    if snapshot.done:
        return f"job {snapshot.id} {snapshot.record['status']} before it had a preview"
    return (
        f"job {snapshot.id} is {snapshot.record['status']} and has no preview yet; "
        "try again when its `progress.preview_version` is above 0"
    )
