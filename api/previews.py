"""The newest preview of a job over HTTP."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.concurrency import run_in_threadpool

from api.deps import Services, ServicesDep
from api.documents import Snapshot
from api.live import LiveDep, SnapshotDep
from api.problems import problems
from api.waiting import matches
from core.errors import BlobCorrupt, BlobNotFound, NoPreviewYet, ResultExpired

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs/{job_id}/preview",
    response_class=Response,
    responses={
        200: {
            "description": "A JPEG, its longer side at most 512 pixels.",
            "content": {"image/jpeg": {}},
        },
        304: {"description": "The client has it already."},
        **problems(404, 410, 503),
    },
)
async def get_preview(
    snapshot: SnapshotDep,
    services: ServicesDep,
    live: LiveDep,
    if_none_match: Annotated[str | None, Header(description="The tag of one seen before.")] = None,
) -> Response:
    """The newest preview of the picture; once the job has succeeded, of the finished one."""
    version = int(snapshot.record.get("preview_version", "0"))
    finished = snapshot.record.get("preview") if snapshot.done else None
    if not version and finished is None:
        raise NoPreviewYet(_why_none(snapshot))
    tag = f'"{version}-{snapshot.record["status"]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    data = await (live.preview(snapshot.id) if finished is None else _kept(finished, services))
    if data is None and not snapshot.done:  # it has just ended, and has another one now
        return await get_preview(await live.reader.get(snapshot.id), services, live, if_none_match)
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
