"""Answers with a job, at once or when it has come further."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import Request, Response

from api.answers.conditional import etag_matches, not_modified
from api.answers.documents import Snapshot
from api.live.hub import Live

#: The longest that a request waits, in seconds.
LONGEST_WAIT = 60

#: The place in the queue, and whether a webhook was delivered, change without an event of
#: the job's: they are looked up so often.
_LOOK_SECONDS = 1.0

#: Between which seconds a client is told to ask again.
_SOONEST, _LATEST = 1, 30


async def wait_until(
    enough: Callable[[Snapshot], bool],
    snapshot: Snapshot,
    live: Live,
    seconds: float,
    *,
    only_final: bool,
) -> Snapshot:
    """The job once it is as wanted, or as it is when the time is over.

    Args:
        enough: what is wanted.
        snapshot: the job as it was.
        live: tells of changes.
        seconds: the time.
        only_final: whether only the end of the job can be enough.

    Raises:
        JobNotFound: the job was removed.
        RedisUnavailable: Redis was away when the time was over.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    with live.broadcast.listen(snapshot.id, snapshot.event, only_final=only_final) as listener:
        await live.broadcast.ready()
        snapshot = await live.reader.get(snapshot.id)  # it may have changed before that
        while not enough(snapshot) and not listener.closed and clock() < deadline:
            left = deadline - clock()
            await listener.wait(left if only_final else min(left, _LOOK_SECONDS))
            snapshot = await live.reader.get(snapshot.id)
    return snapshot


def job_response(
    snapshot: Snapshot, request: Request, *, status: int = 200, conditional: bool = False
) -> Response:
    """The Job; where that is asked for, 304 if the caller has it already."""
    headers = {"ETag": snapshot.etag, "Cache-Control": "private, no-cache"}
    if not snapshot.done:
        headers["Retry-After"] = str(retry_after(snapshot, datetime.now(UTC)))
    if conditional and etag_matches(request, snapshot.etag):
        return not_modified(headers)
    return Response(
        snapshot.document(), status_code=status, headers=headers, media_type="application/json"
    )


def retry_after(snapshot: Snapshot, now: datetime) -> int:
    """When to ask again, in seconds: after half of the time that is probably left."""
    left: float | None = None
    if snapshot.starts_at is not None:
        left = (snapshot.starts_at - now).total_seconds()
    elif "progress" in snapshot.record:
        left = json.loads(snapshot.record["progress"])["eta_seconds"]
    return min(max(math.ceil((left or 0) / 2), _SOONEST), _LATEST)


def preferred_wait(prefer: str | None) -> int | None:
    """The seconds of ``Prefer: wait=n`` (RFC 7240), at most a minute; None without."""
    matched = re.search(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", prefer or "", re.I)
    return min(int(matched[1]), LONGEST_WAIT) if matched else None
