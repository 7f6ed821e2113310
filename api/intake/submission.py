"""What was posted becomes a job, once."""

from __future__ import annotations

import logging

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
from core.jobs.job import Inputs, Job, new_job_id
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
    inputs = submission.uploads.inputs
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
        for upload in submission.uploads.files():
            services.blobs.put(upload.data, upload.picture.sha256)
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
