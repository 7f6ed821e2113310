"""Turns a caller away before the upload is read, when there is no room for the job."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header

from api.callers.authentication import CallerDep
from api.deps import ServicesDep
from core.jobs.admission import Admission
from core.jobs.idempotency import IdempotencyKey


def _key(
    caller: CallerDep,
    word: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern="^[!-~]([ -~]*[!-~])?$",
            description="A word of your own for this request, such as a UUID. When it is sent "
            "again within 24 hours, it is answered with the job that it made the first time.",
        ),
    ] = None,
) -> IdempotencyKey | None:
    """What the request is known by, if it is sent again."""
    return None if word is None else IdempotencyKey.of(caller.name, word)


#: The caller's word for the request.
KeyDep = Annotated[IdempotencyKey | None, Depends(_key)]


def _admit(caller: CallerDep, key: KeyDep, services: ServicesDep) -> Admission:
    """The terms for a job of this caller, if there is room for it now.

    Whether there still is when the upload has come, ``JobStore.create`` decides.
    """
    settings = services.settings
    admission = Admission(
        caller=caller.counted_as,
        owner=caller.name,
        max_queue=settings.max_queue,
        max_jobs_per_caller=caller.max_jobs or settings.max_jobs_per_caller,
        workers=tuple(services.workers.live()),
    )
    if key is None or services.store.recall(key) is None:  # it needs no room to be answered again
        admission.check_load(services.store.load(admission.caller, admission.max_jobs_per_caller))
    return admission


#: Name it before the submission: dependencies are resolved in order.
AdmissionDep = Annotated[Admission, Depends(_admit)]
