"""Continuation: a new job that begins at the picture of an earlier one."""

from __future__ import annotations

from api.callers.authentication import Caller
from api.callers.visibility import owned
from api.deps import Services
from api.intake.form import CONTINUE_FIELD, Form
from core.errors import (
    BlobNotFound,
    FieldError,
    InvalidRequest,
    JobCanceled,
    JobFailed,
    JobNotFinished,
    ResultExpired,
)
from core.jobs.job import Job
from core.jobs.status import JobStatus
from core.params import Init
from core.params.presets import PRESETS
from core.pictures.uploads import Upload, Uploads

#: The ratio between the sizes from the earlier result to a larger one.
_RATIO = 2


def continued(form: Form, caller: Caller, services: Services) -> Form:
    """Return the form of a job that continues another one, as if its pictures were uploaded.

    The result is the picture to start from. The parameters are those of the earlier job, unless
    the form has others. The first scale is the one at which the earlier job ended. If the form
    has another ``init``, the job begins anew, with the pictures of the earlier one only. So does
    the job of a draft, whose size is not taken either.

    Raises:
        JobNotFound: there is no such job of the caller.
        JobNotFinished, JobFailed: it has no result.
        ResultExpired: its pictures were removed.
        InvalidRequest: the form has pictures of its own.
    """
    sent = [name for name, files in form.files.items() if files]
    if sent:
        message = "was sent with continue_from, which takes the pictures of the earlier job"
        raise InvalidRequest([FieldError(name, f"{message}; expected no file") for name in sent])
    job = owned(services.store.get(form.fields[CONTINUE_FIELD]), caller)
    files = _files_of(job, services)
    given = dict(form.fields)
    fields = _fields_of(job, given)
    if given.get("init", Init.IMAGE.value) != Init.IMAGE:
        files["init_image"] = []
    elif not job.draft:
        fields |= _start_of(job, given)
    if job.draft:
        del given[CONTINUE_FIELD]  # the job begins like the draft, and not at its picture
    return Form(files, {**fields, **given}, form.errors)


def _files_of(job: Job, services: Services) -> dict[str, list[Upload]]:
    try:
        uploads = Uploads.fetch(job.inputs, services.blobs.get)
        start = uploads.init_image if job.draft else _result_of(job, services)
    except BlobNotFound as error:
        message = f"the pictures of job {job.id} were removed; upload them as a new job"
        raise ResultExpired(message) from error
    return {
        "content": [uploads.content],
        "style": list(uploads.styles),
        "init_image": [start] if start else [],
        "content_mask": [uploads.content_mask] if uploads.content_mask else [],
        "style_mask": list(uploads.style_masks),
        "detail_map": [uploads.detail_map] if uploads.detail_map else [],
    }


def _result_of(job: Job, services: Services) -> Upload:
    if not job.status.done:
        raise JobNotFinished(f"job {job.id} is {job.status.value}; continue it when it has ended")
    if job.status is JobStatus.CANCELED:
        raise JobCanceled(f"job {job.id} is canceled and has no picture to continue")
    if job.status is not JobStatus.SUCCEEDED or job.result is None:
        raise JobFailed(f"job {job.id} is {job.status.value} and has no picture to continue")
    return Upload("init_image", services.blobs.get(job.result.sha256))


def _fields_of(job: Job, given: dict[str, str]) -> dict[str, str]:
    """Return the parameters of the earlier job as fields, except those that others replace."""
    params = job.asked_params.model_dump(mode="json")
    replaced = {"size"} if job.draft else {"init"}
    if job.continued_from is not None and not job.draft:
        replaced.add("pyramid")  # it began at a picture, or at a scale, of its own
    if "preset" in given:
        replaced |= {name for preset in PRESETS.values() for name in preset} | {"learning_rate"}
    if "strength" in given:
        replaced.add("style_weight")
    if "style_weight" in given and job.params.style_weight is None:
        replaced.add("style_statistics")  # as in any request: see StyleParams
    if "optimizer" in given:
        replaced.add("learning_rate")
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in params.items()
        if name not in replaced and value not in (None, [])
    }


def _start_of(job: Job, given: dict[str, str]) -> dict[str, str]:
    """Return the fields that let a job begin at the result of an earlier one."""
    size = given.get("size", "")
    larger = size.isdecimal() and int(size) > job.params.size
    return {"init": Init.IMAGE.value, "pyramid": f"{job.params.size}:{_RATIO}" if larger else "off"}
