"""The path of a request for a batch, from its headers to the queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.asgi.headers import request_id_of
from api.callers.authentication import Caller
from api.deps import Services
from api.intake.admission import admission_of, check_priority
from api.intake.body import read_form
from api.intake.form import (
    CONTINUE_FIELD,
    DRAFT_FIELD,
    VALIDATE_FIELD,
    Form,
    JobRequest,
    parse_form,
)
from api.intake.inspector import PictureInspector, unless_disconnected
from api.intake.submission import check_uploads, held, options_of, record_fields
from core.errors import FieldError, InvalidRequest, ServiceUnavailable
from core.jobs.admission import Admission
from core.jobs.batch import MAX_CONTENTS, BatchMode, Member, combinations, member_names
from core.jobs.idempotency import IdempotencyKey
from core.jobs.job import new_job_id
from core.jobs.sizes import accepted_size
from core.pictures.uploads import MAX_STYLES, Checked, Upload, Uploads
from core.runtime.tracing import trace_fields
from core.webhooks.addresses import AddressGuard
from core.webhooks.webhook import (
    EVENTS_FIELD,
    SECRET_FIELD,
    URL_FIELD,
    Webhook,
    WebhookEvent,
    parse_webhook,
)

_logger = logging.getLogger(__name__)

MODE_FIELD = "mode"

#: The fields of a job that a batch does not have. Its webhook reports one event.
_OF_ONE_JOB = (CONTINUE_FIELD, DRAFT_FIELD, VALIDATE_FIELD, EVENTS_FIELD)
_WEBHOOK_FIELDS = (URL_FIELD, SECRET_FIELD)

#: The most files of a batch: as many paintings as content pictures with ``mode=pairs``.
MAX_BATCH_FILES = 2 * MAX_CONTENTS


@dataclass(frozen=True)
class BatchRequest:
    """A parsed form of a batch: valid parameters, and files that are not decoded yet."""

    mode: BatchMode
    #: The request of each job.
    jobs: tuple[JobRequest, ...]
    #: The name of each job.
    names: tuple[str, ...]
    webhook: Webhook | None


class AcceptedBatch(NamedTuple):
    """A batch that was accepted, and whether an earlier request with its key created it."""

    batch_id: str
    replayed: bool


async def submit_batch(
    request: Request, caller: Caller, key: IdempotencyKey | None, services: Services
) -> AcceptedBatch:
    """Check a request for a batch, then create all of its jobs.

    Raises:
        EaselError, HTTPException: the request is refused, and nothing is stored.
        ClientDisconnect: the client disconnected before its pictures were checked.
    """
    admission = await run_in_threadpool(_admit, caller, key, services)
    form = await read_form(request, services.settings, MAX_BATCH_FILES)
    max_size = accepted_size(services.settings.max_size, admission.workers)
    batch = await run_in_threadpool(parse_batch, form, max_size, services.guard)
    check_priority(batch.jobs[0].priority, caller)
    inspector: PictureInspector = request.app.state.inspector
    checked = await unless_disconnected(request.receive, _check(batch, inspector, admission.caller))
    request_id = request_id_of(request)
    return await run_in_threadpool(_accept, batch, checked, admission, key, services, request_id)


def _admit(caller: Caller, key: IdempotencyKey | None, services: Services) -> Admission:
    """Return the limits, after a check that there is room for a job before the body is read."""
    admission = admission_of(caller, services)
    if key is None or services.store.batches.find_replay(key) is None:
        admission.check_load(services.store.load(admission.caller, admission.max_jobs_per_caller))
    return admission


def parse_batch(form: Form, max_size: int, guard: AddressGuard) -> BatchRequest:
    """Parse the form of a batch. Blocks while it resolves the host of a webhook.

    Args:
        form: the form.
        max_size: the largest size that its jobs may have, in pixels.
        guard: decides whether webhooks may be sent to an address.

    Raises:
        InvalidRequest: with every error of the form at once.
    """
    fields = dict(form.fields)
    mode, errors = _parse_mode(fields.pop(MODE_FIELD, BatchMode.GRID.value))
    contents, styles = form.files["content"], form.files["style"]
    errors += _count_errors(mode, len(contents), len(styles))
    others: dict[str, list[Upload]] = {
        name: [] for name in form.files if name not in ("content", "style")
    }
    errors += [
        FieldError(name, "is not a field of a batch; send it with a single job to POST /jobs")
        for name in (*_OF_ONE_JOB, *others)
        if fields.pop(name, None) or form.files.get(name)
    ]
    url, secret = (fields.pop(name, None) for name in _WEBHOOK_FIELDS)
    webhook, webhook_errors = parse_webhook(url, None, secret, guard)
    errors += webhook_errors
    # The first job has all fields. What is wrong with its number of files is known already.
    first_files = {
        "content": contents[:1] or [Upload("content", b"")],
        "style": styles[: MAX_STYLES if mode is BatchMode.BLEND else 1] or [Upload("style", b"")],
        **others,
    }
    try:
        first = parse_form(Form(first_files, fields, form.errors), max_size, guard)
    except InvalidRequest as invalid:
        raise InvalidRequest([*errors, *invalid.errors]) from None
    if errors:
        raise InvalidRequest(errors)
    jobs = combinations(mode, len(contents), len(styles))
    contents, styles = _numbered(contents), _numbered(styles)
    return BatchRequest(
        mode,
        tuple(
            replace(first, uploads=Uploads(contents[i], tuple(styles[j] for j in painted_like)))
            for i, painted_like in jobs
        ),
        tuple(
            member_names(
                jobs,
                {i: each.file_name for i, each in enumerate(contents)},
                {i: each.file_name for i, each in enumerate(styles)},
            )
        ),
        webhook and webhook.model_copy(update={"events": (WebhookEvent.BATCH_FINISHED,)}),
    )


def _parse_mode(text: str) -> tuple[BatchMode, list[FieldError]]:
    if text in list(BatchMode):
        return BatchMode(text), []
    message = f"{text!r} is invalid; expected {', '.join(BatchMode)}"
    return BatchMode.GRID, [FieldError(MODE_FIELD, message)]


def _count_errors(mode: BatchMode, contents: int, styles: int) -> list[FieldError]:
    errors = []
    if not 1 <= contents <= MAX_CONTENTS:
        errors.append(FieldError("content", f"expected 1 to {MAX_CONTENTS} files, got {contents}"))
    if mode is BatchMode.PAIRS and styles != contents:
        message = f"mode=pairs takes as many paintings as content pictures, {contents}"
        errors.append(FieldError("style", f"{message}; got {styles}"))
    elif mode is not BatchMode.PAIRS and not 1 <= styles <= MAX_STYLES:
        errors.append(FieldError("style", f"expected 1 to {MAX_STYLES} files, got {styles}"))
    return errors


def _numbered(uploads: Sequence[Upload]) -> list[Upload]:
    """Name each picture by its place, so that errors say which one is meant."""
    if len(uploads) == 1:
        return list(uploads)
    return [replace(each, name=f"{each.name}[{i}]") for i, each in enumerate(uploads)]


async def _check(batch: BatchRequest, inspector: PictureInspector, caller: str) -> list[Checked]:
    """Check the pictures of every job; each file is decoded once."""
    uploads = [picture for job in batch.jobs for picture in job.uploads.to_inspect()]
    inspect = await inspector.inspect(uploads, caller)

    def check() -> list[Checked]:
        checked, errors = [], []
        for job in batch.jobs:
            try:
                checked.append(check_uploads(job, inspect))
            except InvalidRequest as invalid:
                errors += [each for each in invalid.errors if each not in errors]
        if errors:
            raise InvalidRequest(errors)
        return checked

    return await run_in_threadpool(check)


def _accept(
    batch: BatchRequest,
    checked: Sequence[Checked],
    admission: Admission,
    key: IdempotencyKey | None,
    services: Services,
    request_id: str,
) -> AcceptedBatch:
    """Create the jobs, unless the key has a batch already.

    Raises:
        IdempotencyKeyReused: the key was used for a different request.
        InvalidRequest: no worker has enough memory for a job.
        QueueFull, TooManyJobs, StorageQuotaExceeded: there is no room for all jobs.
        ServiceUnavailable: a store is unavailable. Unless the reply of the store was lost, no job
            is kept; with an idempotency key, the request can be sent again.
    """
    params, options = batch.jobs[0].params, options_of(batch.jobs[0])
    inputs = [job.uploads.inputs for job in batch.jobs]
    webhook = {"webhook": batch.webhook.model_dump_json()} if batch.webhook else {}
    if key is not None:
        more = {**options, **webhook, "jobs": [each.model_dump(mode="json") for each in inputs]}
        key = key.for_request(params, inputs[0], mode=batch.mode.value, **more)
        if earlier := services.store.batches.find_replay(key):
            return AcceptedBatch(earlier, replayed=True)
    for each in checked:
        admission.check_memory(params, each.pictures)
    # Before the files are stored. The script that writes the records checks again.
    load = services.store.load(admission.caller, admission.max_jobs_per_caller)
    admission.check_load(load, jobs=len(batch.jobs))
    batch_id, common = new_job_id(), {"request_id": request_id, **trace_fields()}
    members = [
        Member(new_job_id(), name, params, each, {**record_fields(job, found), **options, **common})
        for job, name, each, found in zip(batch.jobs, batch.names, inputs, checked, strict=True)
    ]
    files = {upload.picture.sha256: upload for job in batch.jobs for upload in job.uploads.files()}
    settings = services.settings
    kept = (settings.retention + settings.record_retention).total_seconds()
    # The batch holds the files until its jobs do.
    with held(list(files), batch_id, services):
        for digest, upload in files.items():
            services.blobs.put(upload.data, digest)
        created = services.store.batches.create(
            batch_id,
            batch.mode,
            members,
            admission,
            key,
            kept_seconds=str(kept),
            **common,
            **webhook,
        )
    if created == batch_id:
        _announce(members, services)
    # The batch was created: errors from now on do not undo that.
    with suppress(ServiceUnavailable):  # the cleaner prunes the holds of the batch
        services.store.holds.release(services.blobs, list(files), job_id=batch_id)
    if created == batch_id:
        _logger.info("batch accepted", extra={"batch_id": batch_id, "jobs": len(members)})
    return AcceptedBatch(created, replayed=created != batch_id)


def _announce(members: Sequence[Member], services: Services) -> None:
    """Send the jobs to the workers. What cannot be sent is left to the reaper."""
    try:
        for member in members:
            services.queue.announce(member.job_id)
    except ServiceUnavailable as error:
        _logger.warning("jobs left to the reaper to announce", extra={"reason": str(error)})
