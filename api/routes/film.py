"""The film of a job: how its picture emerged."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers.conditional import etag_matches, not_modified
from api.answers.error_docs import error_responses
from api.callers.visibility import VisibleJobDep
from api.deps import Services, ServicesDep
from api.routes.result import result_of
from core.errors import (
    BlobCorrupt,
    BlobNotFound,
    FieldError,
    InvalidRequest,
    PackageMissing,
    ResultDamaged,
    ResultExpired,
    ServiceUnavailable,
)
from core.jobs.job import Job
from core.pictures.film import FilmFormat, available_formats, check_encoder, film_of, unpack_frames

router = APIRouter(tags=["pictures"])

_FRAMES_PER_SECOND = 8

#: How long a request waits while other films are encoded.
_WAIT_SECONDS = 10
_FILE = {"schema": {"type": "string", "format": "binary"}}


class SentFormat(StrEnum):
    """A format in which films are sent. A GIF takes ten times as long to encode."""

    WEBP = "webp"
    MP4 = "mp4"


def offered_formats() -> tuple[SentFormat, ...]:
    """Return the formats that this server can send."""
    return tuple(each for each in SentFormat if FilmFormat(each) in available_formats())


@router.get(
    "/jobs/{job_id}/film",
    operation_id="get_film",
    summary="Download a film of the steps",
    response_class=Response,
    responses={
        200: {
            "description": "The film, with a longer side of at most 512 pixels.",
            "content": {FilmFormat(each).media_type: _FILE for each in SentFormat},
        },
        304: {"description": "Not modified: the client has this film."},
        **error_responses(
            403,
            404,
            409,
            410,
            422,
            503,
            _404="`not_found`: the job has no film. `job_not_found`: the job does not exist.",
        ),
    },
)
async def get_film(
    job: VisibleJobDep,
    services: ServicesDep,
    request: Request,
    wanted: Annotated[
        SentFormat,
        Query(alias="format", description="`mp4` needs an encoder that a server may lack: a 422."),
    ] = SentFormat.WEBP,
) -> Response:
    """Return how the picture of a job that has succeeded emerged, as an animation or a film."""
    result_of(job)
    if job.film is None:
        message = f"job {job.id} has no film: its worker keeps no pictures (EASEL_FILM_FRAMES)"
        raise HTTPException(404, message)
    kind = FilmFormat(wanted)
    headers = {
        "ETag": f'"{job.film.sha256}-{kind}"',
        "Cache-Control": "private, max-age=86400, immutable",
        "Content-Disposition": f'inline; filename="easel-{job.id}.{kind}"',
    }
    if etag_matches(request, headers["ETag"]):
        return not_modified(headers)
    # Encoding takes about half a second of one core. Requests wait for their turn in the event
    # loop: in threads, they would leave none for other requests.
    turn: asyncio.Semaphore = request.app.state.film_turn
    try:
        await asyncio.wait_for(turn.acquire(), _WAIT_SECONDS)
    except TimeoutError as error:
        message = "other films are being encoded; try again in a few seconds"
        raise ServiceUnavailable(message) from error
    try:
        film = await run_in_threadpool(_encode, job, job.film.sha256, kind, services)
    finally:
        turn.release()
    return Response(film, media_type=kind.media_type, headers=headers)


def _encode(job: Job, digest: str, kind: FilmFormat, services: Services) -> bytes:
    try:
        check_encoder(kind)
        frames = unpack_frames(services.blobs.get(digest))
    except PackageMissing as error:
        message = "'mp4' is not available on this server; expected 'webp'"
        raise InvalidRequest([FieldError("format", message)]) from error
    except BlobNotFound as error:
        raise ResultExpired(f"the film of job {job.id} was removed") from error
    except BlobCorrupt as error:
        raise ResultDamaged(f"the film of job {job.id} is damaged") from error
    return film_of(frames, kind, _FRAMES_PER_SECOND)
