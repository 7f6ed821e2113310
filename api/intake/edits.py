"""Changes of a job that was accepted: new parameters, and the request to finish."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic_core import from_json

from api.callers.authentication import Caller
from api.deps import Services
from api.intake.admission import admission_of
from api.intake.inspector import PictureInspector
from core.errors import (
    JobChanged,
    JobFinished,
    JobNotFinished,
)
from core.jobs.footprint import memory_needed
from core.jobs.job import Job
from core.jobs.status import JobStatus
from core.jobs.waiting.drafts import draft_params
from core.jobs.work import work_of
from core.params import StyleParams
from core.params.edits import MAX_EDITS, Edit, Edits, check_blend, with_edit, with_finish
from core.pictures.uploads import Uploads

#: How often a change is tried again if the job changes meanwhile.
_TRIES = 10

#: The media types of a change, and its most bytes.
CHANGE_TYPES = ("application/merge-patch+json", "application/json")
_MAX_BYTES = 16_384

#: Parameters that decide the memory or the work of a run. The pictures are checked again.
_COSTLY = ("style_scale", "steps")


#: The edits of a draft that runs, until its worker paints it anew.
_EDITED = (Edit(step=None, params={}),)


async def read_changes(request: Request) -> dict[str, object]:
    """Return the new parameters in the body of a request.

    Raises:
        HTTPException: 400 if the body is not a JSON object, 413 if it is too large, 415 if it has
            another media type.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() not in CHANGE_TYPES:
        raise HTTPException(
            415, f"the body is {content_type or 'untyped'!r}; send {' or '.join(CHANGE_TYPES)}"
        )
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BYTES:
            raise HTTPException(413, f"the body is too large; at most {_MAX_BYTES} bytes are read")
    try:
        changes = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise HTTPException(400, f"the body is not valid JSON: {error}") from None
    if not isinstance(changes, dict):
        raise HTTPException(400, "the body is not a JSON object; expected the new parameters")
    return cast(dict[str, object], changes)


async def edit_job(
    job_id: str,
    changes: Mapping[str, object],
    caller: Caller,
    services: Services,
    inspector: PictureInspector,
    revision: int | None = None,
) -> None:
    """Change parameters of an unfinished job.

    Args:
        job_id: the job.
        changes: new values by the name of the parameter.
        caller: who changes it.
        services: the record and the pictures.
        inspector: checks the pictures if their sizes matter.
        revision: the revision that the caller knows; None changes any.

    Raises:
        InvalidRequest: a parameter cannot change during a run, or has an invalid value.
        JobFinished: the job has made its last step, or was changed too often.
        JobChanged: the job has another revision.
    """
    for _ in range(_TRIES):
        job = await run_in_threadpool(services.store.get, job_id)
        _check_revision(job, revision)
        if job.status.done:
            raise _finished(job)
        params, edits = with_edit(job.asked_params, job.edits, changes)
        if params == job.asked_params:
            return
        fields: dict[str, str] = {}
        if job.draft:
            fields["asked_steps"] = str(params.steps)
            params, edits = draft_params(params), _EDITED
        elif not job.attempt and not job.edits:
            edits = ()  # no run has begun: the job is as if posted so
        check_blend(params, len(job.inputs.styles), masked=job.inputs.content_mask is not None)
        if any(getattr(params, name) != getattr(job.params, name) for name in _COSTLY):
            fields |= await _costs(job, params, caller, services, inspector)
        if await _write(job, params, edits, services, fields):
            return
    raise JobChanged


async def finish_job(job_id: str, services: Services) -> None:
    """Let a job end with the picture so far, or a draft with the one that it is painted to.

    A job that has ended does not change.

    Raises:
        JobNotFinished: the job has no picture yet.
    """
    for _ in range(_TRIES):
        job = await run_in_threadpool(services.store.get, job_id)
        if job.draft:
            await run_in_threadpool(services.store.keep_draft, job_id)
            if not job.status.done:
                await run_in_threadpool(services.queue.announce, job_id)
            return
        edits = with_finish(job.edits)
        if job.status.done or edits == job.edits:
            return
        if job.status is JobStatus.QUEUED and job.progress is None:
            raise JobNotFinished(
                f"job {job.id} is queued and has no picture that it could keep; cancel it, or wait "
                "until it runs"
            )
        try:
            if await _write(job, job.params, edits, services, {}):
                return
        except JobFinished:
            return  # it is about to end
    raise JobChanged


async def _write(
    job: Job, params: StyleParams, edits: Edits, services: Services, fields: Mapping[str, str]
) -> bool:
    """Write a change; return False if the job has changed meanwhile."""
    if any(edit.finish for edit in job.edits):
        raise _finished(job)
    if len(edits) > MAX_EDITS:
        raise JobFinished(
            f"the job has {MAX_EDITS} edits and takes no more; send continue_from with its id"
        )
    written = await run_in_threadpool(services.store.edit, job, params, edits, **fields)
    if written is None:
        return False
    rested = written.status is JobStatus.QUEUED and written.queued_at != job.queued_at
    if job.draft and rested:
        await run_in_threadpool(services.queue.announce, job.id)
    return True


async def _costs(
    job: Job, params: StyleParams, caller: Caller, services: Services, inspector: PictureInspector
) -> dict[str, str]:
    """Check the pictures with the new parameters, and return the fields that follow from them."""
    uploads = await run_in_threadpool(Uploads.fetch, job.inputs, services.blobs.get)
    checked = await inspector.check(uploads, params, caller.counted_as)
    admission = await run_in_threadpool(admission_of, caller, services)
    admission.check_memory(params, checked.pictures)
    fields = {"memory": json.dumps(memory_needed(params, checked.pictures))}
    if not job.draft:
        fields["work"] = str(work_of(params, checked.pictures))
    return fields


def _check_revision(job: Job, revision: int | None) -> None:
    if revision not in (None, job.revision):
        known = revision is not None and revision >= 0
        named = f"revision {revision}" if known else "no revision of it"
        raise JobChanged(
            f"the job has revision {job.revision} and If-Match names {named}; read the job again, "
            "then send your change again"
        )


def _finished(job: Job) -> JobFinished:
    return JobFinished(
        f"the job is {job.status.value if job.status.done else 'finishing'} and takes no more "
        "changes; send continue_from with its id to go on in a new job"
    )
