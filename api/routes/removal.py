"""A job that its owner wants gone."""

from __future__ import annotations

import logging

from fastapi import APIRouter

from api.answers.error_docs import error_responses
from api.callers.visibility import JobDep
from api.deps import ServicesDep

router = APIRouter(tags=["jobs"])
_logger = logging.getLogger(__name__)


@router.delete(
    "/jobs/{job_id}",
    status_code=204,
    operation_id="delete_job",
    responses=error_responses(404, 503),
)
def delete_job(job: JobDep, services: ServicesDep) -> None:
    """Remove a job, its pictures and its result; it is called off first if it has not ended.

    A picture that another job needs as well stays for that one.
    """
    digests = services.store.delete(job.id)
    services.store.holds.release(services.blobs, digests)
    _logger.info("job deleted", extra={"job_id": job.id, "status": job.status.value})
