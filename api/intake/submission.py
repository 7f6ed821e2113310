"""What was posted becomes a job, once."""

from __future__ import annotations

import logging
from hashlib import sha256

from api.deps import Services
from api.intake.form import Submission
from core.errors import (
    IdempotencyKeyReused,
    RedisUnavailable,
    ServiceUnavailable,
    TooManyJobs,
)
from core.jobs.admission import Admission
from core.jobs.idempotency import IdempotencyKey
from core.jobs.job import Inputs, Job, Picture, new_job_id
from core.pictures.decode import sniff_media_type
from core.pictures.inputs import Upload
from core.runtime.tracing import trace_fields

_logger = logging.getLogger(__name__)


def accept(
    submission: Submission,
    admission: Admission,
    key: IdempotencyKey | None,
    services: Services,
    request_id: str,
) -> tuple[Job, bool]:
    """Make a job of the submission, unless one was made of it before.

    Returns:
        The job, and whether it was there already.

    Raises:
        IdempotencyKeyReused: the key stands for another request.
        InvalidRequest: no worker has the memory for it.
        QueueFull, TooManyJobs: there is no room, by the terms of the admission.
        ServiceUnavailable: a store is away; nothing is left of the job.
    """
    inputs = submission.uploads.keep(_described)
    more = {}
    if submission.webhook is not None:
        more["webhook"] = submission.webhook.model_dump_json()
    if key is not None:
        key = key.for_request(submission.params, inputs, **more)
        made = services.store.recall(key)
        if made is not None:
            return made, True
    admission.check_memory(submission.params, submission.pixels)
    job_id = new_job_id()
    # What it needs is held, then written, then named in the record, then announced:
    # each step needs the one before.
    services.store.holds.hold(job_id, _digests(inputs))
    try:
        submission.uploads.keep(lambda upload: _kept(upload, services))
        job = services.store.create(
            submission.params,
            inputs,
            admission,
            job_id=job_id,
            key=key,
            request_id=request_id,
            **more,
            **trace_fields(),
        )
    except RedisUnavailable:
        raise  # the record may have been written; if not, a sweep removes the files
    except (IdempotencyKeyReused, TooManyJobs, ServiceUnavailable):
        services.store.holds.release(services.blobs, _digests(inputs), job_id=job_id)
        raise
    if job.id != job_id:  # the same request came twice at the same time, and the other was first
        services.store.holds.release(services.blobs, _digests(inputs), job_id=job_id)
        return job, True
    _announce(job, services)
    _logger.info("job accepted", extra={"job_id": job.id, "size": job.params.size})
    return job, False


def _described(upload: Upload) -> Picture:
    return Picture(
        sha256=sha256(upload.data).hexdigest(),
        media_type=sniff_media_type(upload.data),
        size_bytes=len(upload.data),
    )


def _kept(upload: Upload, services: Services) -> Picture:
    services.blobs.put(upload.data)
    return _described(upload)


def _digests(inputs: Inputs) -> list[str]:
    return [picture.sha256 for picture in inputs.pictures()]


def _announce(job: Job, services: Services) -> None:
    try:
        services.queue.announce(job.id)
    except ServiceUnavailable:
        _take_back(job, services)
        raise


def _take_back(job: Job, services: Services) -> None:
    """The caller will hear that the job was not accepted, so it should not run."""
    try:
        services.store.holds.release(services.blobs, services.store.discard(job))
    except ServiceUnavailable as error:
        _logger.warning(
            "job could not be taken back", extra={"job_id": job.id, "reason": str(error)}
        )
