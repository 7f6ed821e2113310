"""The path of a request for a job, from its headers to the queue."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, cast

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.asgi.headers import request_id_of
from api.callers.authentication import Caller
from api.deps import Services
from api.intake.admission import Admitted, Estimate, admit, check_priority, estimate
from api.intake.body import read_form
from api.intake.continuation import continued
from api.intake.form import CONTINUE_FIELD, JobRequest, parse_form
from api.intake.inspector import PictureInspector, unless_disconnected
from api.live.hub import Hub
from core.errors import (
    IdempotencyKeyReused,
    JobFinished,
    RedisUnavailable,
    ServiceUnavailable,
    StorageQuotaExceeded,
    TooManyJobs,
)
from core.jobs.admission import Admission
from core.jobs.footprint import memory_needed
from core.jobs.idempotency import IdempotencyKey
from core.jobs.job import Inputs, Job, new_job_id
from core.jobs.sizes import accepted_size
from core.jobs.waiting.drafts import RETENTION as DRAFT_RETENTION
from core.jobs.waiting.turns import Priority
from core.jobs.work import work_of
from core.params import StyleParams
from core.params.edits import check_blend, dump_edits, edited
from core.pictures.inspection import Inspect
from core.pictures.uploads import Checked
from core.runtime.tracing import trace_fields

_logger = logging.getLogger(__name__)


class Accepted(NamedTuple):
    """A job that was accepted, and whether an earlier request with the same key created it."""

    job: Job
    replayed: bool


async def submit(
    request: Request, caller: Caller, key: IdempotencyKey | None, services: Services, hub: Hub
) -> Accepted | Estimate:
    """Check a request for a job, then create the job or answer with an estimate.

    Everything is checked before anything is stored, and the body is read only if there is
    room for a job.

    Raises:
        EaselError, HTTPException: the request is refused, and nothing is stored.
        ClientDisconnect: the client disconnected before its pictures were checked.
    """
    admitted = await run_in_threadpool(admit, caller, key, services)
    form = await read_form(request, services.settings)
    if CONTINUE_FIELD in form.fields:
        form = await run_in_threadpool(continued, form, caller, services)
    max_size = accepted_size(services.settings.max_size, admitted.admission.workers)
    job_request = await run_in_threadpool(parse_form, form, max_size, services.guard)
    check_priority(job_request.priority, caller)
    inspector: PictureInspector = request.app.state.inspector
    checked = await unless_disconnected(
        request.receive, _check(job_request, inspector, caller.counted_as)
    )
    if job_request.validate_only:
        forecast = await hub.reader.forecast()
        return await run_in_threadpool(
            estimate, job_request, checked, admitted.admission, forecast, services
        )
    return await run_in_threadpool(
        _accept, job_request, checked, admitted, services, request_id_of(request)
    )


async def _check(request: JobRequest, inspector: PictureInspector, caller: str) -> Checked:
    inspect = await inspector.inspect(request.uploads.to_inspect(), caller)
    return await run_in_threadpool(check_uploads, request, inspect)


def check_uploads(request: JobRequest, inspect: Inspect) -> Checked:
    """Check the pictures, with the smallest and the largest style_scale of all edits.

    Raises:
        InvalidRequest: a picture cannot be decoded, is too large, or does not fit the other
            pictures or the parameters.
    """
    params, uploads = request.params, request.uploads
    masked = uploads.content_mask is not None
    for edit in request.edits:
        check_blend(edited(params, [edit]), len(uploads.styles), masked=masked)
    scales = [params.style_scale]
    scales += [cast(float, edit.params.get("style_scale", scales[0])) for edit in request.edits]
    each = [
        uploads.check(params.model_copy(update={"style_scale": scale}), inspect)
        for scale in sorted({min(scales), max(scales)})
    ]
    return each[-1]


def _accept(
    request: JobRequest, checked: Checked, admitted: Admitted, services: Services, request_id: str
) -> Accepted:
    """Create the job of a checked request, unless its key has one already.

    The key is looked up at most twice. If ``admit`` did not find it, only the script that
    writes the record looks again, which has to be atomic. If ``admit`` found it, it is looked
    up here with the hash of the request, which also keeps its job from being discarded.

    Raises:
        IdempotencyKeyReused: the key was used for a different request.
        InvalidRequest: no worker has enough memory for the job.
        QueueFull, TooManyJobs, StorageQuotaExceeded: there is no room for another job.
        ServiceUnavailable: a store or the broker is unavailable; the job is not kept.
    """
    inputs = request.uploads.inputs
    options = options_of(request)
    key = admitted.key and admitted.key.for_request(request.params, inputs, **options)
    if key is not None and admitted.known:
        earlier = services.store.find_replay(key)
        if earlier is not None:
            return Accepted(earlier, replayed=True)
    admitted.admission.check_memory(request.params, checked.pictures)

    def store_files() -> None:
        for upload in request.uploads.files():
            services.blobs.put(upload.data, upload.picture.sha256)

    fields = {"request_id": request_id, **record_fields(request, checked), **options}
    return enqueue(request.params, inputs, admitted.admission, key, services, fields, store_files)


def record_fields(request: JobRequest, checked: Checked) -> dict[str, str]:
    """Return the fields of the record that follow from the pictures."""
    fields = {"warnings": json.dumps(checked.warnings)} if checked.warnings else {}
    if request.draft:
        fields["retention_seconds"] = str(DRAFT_RETENTION.total_seconds())
    else:  # the work of a draft says nothing about the pace of other jobs
        fields["work"] = str(work_of(request.params, checked.pictures))
    return {
        "memory": json.dumps(memory_needed(request.params, checked.pictures)),
        **fields,
    }


def options_of(request: JobRequest) -> dict[str, str]:
    """Return the fields of the record that the request sets besides parameters and pictures."""
    options = {"webhook": request.webhook.model_dump_json()} if request.webhook else {}
    if request.max_seconds is not None:
        options["max_seconds"] = str(request.max_seconds)
    if request.edits:
        options["edits"] = dump_edits(request.edits)
    if request.continued_from is not None:
        options["continued_from"] = request.continued_from
    if request.draft:
        options |= {"draft": "1", "asked_steps": str(request.asked_steps)}
    if request.priority is not Priority.NORMAL:
        options["priority"] = request.priority.value
    return options


def enqueue(
    params: StyleParams,
    inputs: Inputs,
    admission: Admission,
    key: IdempotencyKey | None,
    services: Services,
    fields: Mapping[str, str],
    ensure_files: Callable[[], None],
) -> Accepted:
    """Create a job and announce it.

    Args:
        params: its parameters.
        inputs: its pictures.
        admission: its caller, and the limits.
        key: the idempotency key of the request, with the hash of the request.
        services: the stores and the queue.
        fields: further fields of the record.
        ensure_files: stores the pictures, or raises an error if they are missing. The job holds
            them already.

    Raises:
        EaselError: what :func:`_accept` raises, and what ``ensure_files`` raises.
    """
    job_id = new_job_id()
    digests = [picture.sha256 for picture in inputs.pictures()]
    # The order matters: each step relies on the one before it.
    with held(digests, job_id, services):
        ensure_files()
        job = services.store.create(
            params, inputs, admission, job_id=job_id, key=key, **fields, **trace_fields()
        )
    if job.id != job_id:  # a concurrent request with the same key was faster
        services.store.holds.release(services.blobs, digests, job_id=job_id)
        return Accepted(job, replayed=True)
    _announce(job, services)
    _logger.info("job accepted", extra={"job_id": job.id, "size": job.params.size})
    return Accepted(job, replayed=False)


@contextmanager
def held(digests: list[str], job_id: str, services: Services) -> Iterator[None]:
    """Hold the blobs of a new job or batch, and release them if its record is not written."""
    services.store.holds.hold(job_id, digests)
    try:
        yield
    except RedisUnavailable:
        raise  # the record may have been written; if it was not, a sweep removes the blobs
    except (
        IdempotencyKeyReused,
        TooManyJobs,
        StorageQuotaExceeded,
        ServiceUnavailable,
        JobFinished,
    ):
        services.store.holds.release(services.blobs, digests, job_id=job_id)
        raise


def _announce(job: Job, services: Services) -> None:
    """Send the job to the workers, or discard it if the broker is unavailable."""
    try:
        services.queue.announce(job.id)
    except ServiceUnavailable:
        _discard(job, services)
        raise


def _discard(job: Job, services: Services) -> None:
    """Remove a job whose request fails, because it must not run."""
    try:
        services.store.holds.release(services.blobs, services.store.discard(job))
    except ServiceUnavailable as error:
        _logger.warning(
            "job could not be discarded", extra={"job_id": job.id, "reason": str(error)}
        )
