"""Turns a caller away before the upload is read, when there is no room for the job."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.deps import ServicesDep
from core.admission import Admission


def caller_of(request: Request) -> str:
    """Who is asking: the address of the client, as long as there are no keys."""
    return request.client.host if request.client else "anonymous"


def _admit(request: Request, services: ServicesDep) -> Admission:
    """The terms for a job of this caller, if there is room for it now.

    Whether there still is when the upload has come, ``JobStore.create`` decides.
    """
    settings = services.settings
    admission = Admission(
        caller=caller_of(request),
        max_queue=settings.max_queue,
        max_jobs_per_caller=settings.max_jobs_per_caller,
        workers=tuple(services.workers.live()),
    )
    admission.check_load(services.store.load(admission.caller))
    return admission


#: Name it before the submission: dependencies are resolved in order.
AdmissionDep = Annotated[Admission, Depends(_admit)]
