"""Admission: the check for room for one more job, and the estimate of a job."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Header
from pydantic import BaseModel, Field

from api.callers.authentication import Caller, CallerDep
from api.deps import Services
from api.intake.form import JobRequest
from core.errors import FieldError, InvalidRequest
from core.jobs.admission import Admission
from core.jobs.idempotency import IdempotencyKey
from core.jobs.waiting.forecast import Forecast
from core.jobs.waiting.turns import Priority
from core.jobs.work import work_of
from core.params import StyleParams
from core.pictures.uploads import Checked


def _key(
    caller: CallerDep,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern="^[!-~]([ -~]*[!-~])?$",
            description="A unique text for this request, such as a UUID. A request that is "
            "repeated with the same key within 24 hours returns the job that the first one "
            "created.",
        ),
    ] = None,
) -> IdempotencyKey | None:
    return None if key is None else IdempotencyKey.of(caller.name, key)


#: The idempotency key of the request, if it has one.
KeyDep = Annotated[IdempotencyKey | None, Depends(_key)]


class Admitted(NamedTuple):
    """The terms of a request that may send its body."""

    admission: Admission
    key: IdempotencyKey | None
    #: Whether the key has a job already.
    known: bool


def admission_of(caller: Caller, services: Services) -> Admission:
    """Return the limits for a job of the caller, and the live workers."""
    settings = services.settings
    return Admission(
        caller=caller.counted_as,
        owner=caller.name,
        max_queue=settings.max_queue,
        max_jobs_per_caller=caller.max_jobs or settings.max_jobs_per_caller,
        max_stored_bytes_per_caller=(
            caller.max_stored_bytes or settings.max_stored_bytes_per_caller
        ),
        workers=tuple(services.workers.live()),
    )


def admit(caller: Caller, key: IdempotencyKey | None, services: Services) -> Admitted:
    """Check that there is room for a job of the caller, before the body is read.

    A caller that is refused thus uploads nothing. The script that writes the record checks
    again, because other jobs may arrive during the upload.

    The key is looked up here because a replay needs no room: it is admitted even when the
    queue is full.

    Raises:
        QueueFull, TooManyJobs, StorageQuotaExceeded: there is no room for another job.
    """
    admission = admission_of(caller, services)
    known = key is not None and services.store.find_replay(key) is not None
    if not known:
        admission.check_load(services.store.load(admission.caller, admission.max_jobs_per_caller))
    return Admitted(admission, key, known)


def check_priority(priority: Priority, caller: Caller) -> None:
    """Check that a caller may post jobs of a priority.

    Raises:
        InvalidRequest: the priority is high, and the caller has no key that permits it.
    """
    if priority is Priority.HIGH and not caller.high_priority:
        message = (
            "'high' requires an API key that permits it; use 'normal' or 'low', or ask the "
            "operator of this server for a key made with `easel keys create --high-priority`"
        )
        raise InvalidRequest([FieldError("priority", message)])


class Estimate(BaseModel):
    """The estimated memory, start and run time of a job that would be accepted now."""

    valid: bool = Field(True, description="Always true; an invalid request is a 422.")
    params: StyleParams = Field(description="All parameters, with presets and defaults applied.")
    memory_bytes: int = Field(description="The most memory that a worker needs on the CPU.")
    queue_position: int = Field(description="The number of jobs that would go before it.")
    start_seconds: float | None = Field(
        description="The expected time until a worker starts it; null if it is not known."
    )
    run_seconds: float | None = Field(
        description="The expected run time: the work of these parameters, at the measured pace of "
        "the workers; null before the first job has ended."
    )


def estimate(
    request: JobRequest,
    checked: Checked,
    admission: Admission,
    forecast: Forecast,
    services: Services,
) -> Estimate:
    """Return the estimate for a valid request.

    Args:
        request: the request.
        checked: what is known of its pictures.
        admission: the limits for the job, with the live workers.
        forecast: when the workers become free.
        services: to ask for the place in the queue.

    Raises:
        InvalidRequest: no worker has enough memory for the job.
    """
    params = request.params
    admission.check_memory(params, checked.pictures)
    work = work_of(params, checked.pictures)
    run_seconds = forecast.pace.seconds(work, params.precision)
    position = services.store.position_of_new(admission.caller, request.priority)
    seconds = forecast.wait(position)
    return Estimate(
        params=params,
        memory_bytes=admission.memory_needed(params, checked.pictures),
        queue_position=position,
        start_seconds=None if seconds is None else round(seconds, 1),
        run_seconds=None if run_seconds is None else round(run_seconds, 1),
    )
