"""Turns a caller away before the upload is read, when there is no room for the job."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.callers import CallerDep
from api.deps import ServicesDep
from core.admission import Admission


def _admit(caller: CallerDep, services: ServicesDep) -> Admission:
    """The terms for a job of this caller, if there is room for it now.

    Whether there still is when the upload has come, ``JobStore.create`` decides.
    """
    settings = services.settings
    admission = Admission(
        caller=caller.counted_as,
        owner=caller.name,
        max_queue=settings.max_queue,
        max_jobs_per_caller=settings.max_jobs_per_caller,
        workers=tuple(services.workers.live()),
    )
    admission.check_load(services.store.load(admission.caller))
    return admission


#: Name it before the submission: dependencies are resolved in order.
AdmissionDep = Annotated[Admission, Depends(_admit)]
