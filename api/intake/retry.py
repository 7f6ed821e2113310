"""A new job of the same request as one that failed or was canceled."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from api.callers.authentication import Caller
from api.deps import Services
from api.intake.admission import admit, check_priority
from api.intake.submission import Accepted, enqueue
from core.errors import BlobCorrupt, BlobNotFound, JobFinished, JobNotFinished
from core.jobs.idempotency import IdempotencyKey
from core.jobs.job import Job
from core.jobs.status import JobStatus
from core.params.edits import dump_edits


def retry(
    job: Job, caller: Caller, key: IdempotencyKey | None, services: Services, request_id: str
) -> Accepted:
    """Create a job with the parameters, pictures and options of another.

    Raises:
        JobNotFinished: the job has not ended.
        JobFinished: the job has succeeded, or its pictures were removed.
        EaselError: there is no room for another job, or a store is unavailable.
    """
    _check(job)
    check_priority(job.priority, caller)
    admitted = admit(caller, key, services)
    fields = _options_of(job) | {"request_id": request_id}

    def check_files() -> None:
        for picture in job.inputs.pictures():
            try:
                services.blobs.get(picture.sha256)
            except (BlobNotFound, BlobCorrupt) as error:
                raise _expired(job) from error

    request = key and key.for_request(job.params, job.inputs, retry=job.id)
    return enqueue(
        job.params, job.inputs, admitted.admission, request, services, fields, check_files
    )


def _options_of(job: Job) -> dict[str, str]:
    """Return the fields of a record that its request has beside parameters and pictures."""
    fields = {
        "priority": job.priority.value,
        "memory": json.dumps(job.memory),
    }
    if job.work is not None:
        fields["work"] = str(job.work)
    if job.max_seconds is not None:
        fields["max_seconds"] = str(job.max_seconds)
    # A finish that no worker has taken belongs to the run that was canceled.
    edits = tuple(edit for edit in job.edits if edit.step is not None or not edit.finish)
    if edits:
        fields["edits"] = dump_edits(edits)
    if job.draft:
        asked = str(job.asked_params.steps)
        retention = str(job.retention_seconds)
        fields |= {"draft": "1", "asked_steps": asked, "retention_seconds": retention}
    if job.webhook is not None:
        fields["webhook"] = job.webhook.model_dump_json()
    if job.continued_from is not None:
        fields["continued_from"] = job.continued_from
    return fields


def _check(job: Job) -> None:
    if not job.status.done:
        raise JobNotFinished(
            f"job {job.id} is {job.status.value}; wait until it has ended, or cancel it first"
        )
    if job.status is JobStatus.SUCCEEDED:
        raise JobFinished(
            f"job {job.id} has succeeded; download its result, or post its pictures again"
        )
    if job.expires_at is not None and job.expires_at <= datetime.now(UTC):
        raise _expired(job)


def _expired(job: Job) -> JobFinished:
    return JobFinished(f"the pictures of job {job.id} were removed; post them again")
