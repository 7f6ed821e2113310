"""The multipart form of a new job: read from the body, and parsed into a ``JobRequest``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from fastapi import HTTPException, Request
from starlette.datastructures import FormData, UploadFile

from api.intake.upload_limits import file_error
from core.errors import FieldError, InvalidRequest
from core.params import StyleParams, parse_params
from core.pictures.uploads import FILE_FIELDS, MAX_FILES, Upload, Uploads, start_from
from core.settings.limits import Limits
from core.webhooks.addresses import AddressGuard
from core.webhooks.webhook import EVENTS_FIELD, URL_FIELD, Webhook, parse_webhook

#: The parameters that are lists.
_LISTS = frozenset(
    name
    for name, schema in StyleParams.model_json_schema()["properties"].items()
    if schema.get("type") == "array"
)


class Form(NamedTuple):
    """The contents of a form, not yet parsed."""

    files: dict[str, list[Upload]]
    fields: dict[str, str]
    #: Errors that were found while reading.
    errors: list[FieldError]


@dataclass(frozen=True)
class JobRequest:
    """A parsed form: valid parameters, and files that are not decoded yet."""

    params: StyleParams
    uploads: Uploads
    webhook: Webhook | None = None
    #: Whether to answer with an estimate instead of creating the job.
    validate_only: bool = False


async def read_form(request: Request, limits: Limits) -> Form:
    """Read the form in the body of a request.

    Raises:
        HTTPException: 400 if the body is malformed, 415 if it is not a form.
        InvalidRequest: the request has query parameters.
    """
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raise HTTPException(
            415, f"the body is {content_type or 'untyped'!r}; send multipart/form-data"
        )
    if request.query_params:
        message = "is a query parameter, which has no effect; send it as a field of the form"
        raise InvalidRequest([FieldError(name, message) for name in request.query_params])
    async with request.form(
        max_files=MAX_FILES,
        max_fields=limits.max_fields,
        max_part_size=limits.max_field_bytes,
    ) as form:
        files, file_errors = await _files(form, limits)
        fields, field_errors = _fields(form)
    return Form(files, fields, [*field_errors, *file_errors])


async def _files(
    form: FormData, limits: Limits
) -> tuple[dict[str, list[Upload]], list[FieldError]]:
    files: dict[str, list[Upload]] = {field: [] for field in FILE_FIELDS}
    errors = []
    for field, uploads in files.items():
        for part in form.getlist(field):
            data = b""  # a refused file is counted, so that it is not reported as missing too
            if error := file_error(part, limits):
                errors.append(FieldError(field, error))
            elif isinstance(part, UploadFile):
                data = await part.read()
            uploads.append(Upload(field, data))
    return files, errors


def _fields(form: FormData) -> tuple[dict[str, str], list[FieldError]]:
    fields: dict[str, str] = {}
    errors: list[FieldError] = []
    for name in form:
        if name in FILE_FIELDS:
            continue
        values = [_text(value) for value in form.getlist(name)]
        # Generated clients repeat the field of a list; people separate its items by commas.
        fields[name] = ",".join(values) if name in _LISTS else values[-1]
        if len(values) > 1 and name not in _LISTS:
            errors.append(FieldError(name, f"was sent {len(values)} times; send it once"))
    return fields, errors


def _text(value: str | UploadFile) -> str:
    return value if isinstance(value, str) else f"<file {value.filename!r}>"


def parse_form(form: Form, limits: Limits, guard: AddressGuard) -> JobRequest:
    """Parse a form. Blocks while it resolves the host of a webhook.

    Args:
        form: the form.
        limits: uses ``max_size``.
        guard: decides whether webhooks may be sent to an address.

    Raises:
        InvalidRequest: with every error of the form at once.
    """
    errors, fields = list(form.errors), dict(form.fields)
    uploads = params = None
    try:
        uploads = Uploads.of(form.files)
    except InvalidRequest as invalid:
        errors += invalid.errors
    validate_only = fields.pop("validate_only", "false")
    if validate_only.lower() not in ("true", "false"):  # Python clients send True and False
        errors.append(
            FieldError("validate_only", f"{validate_only!r} is invalid; expected 'true' or 'false'")
        )
    webhook, webhook_errors = parse_webhook(
        fields.pop(URL_FIELD, None), fields.pop(EVENTS_FIELD, None), guard
    )
    errors += webhook_errors
    try:
        params = parse_params({**start_from(form.files["init_image"]), **fields})
    except InvalidRequest as invalid:
        errors += invalid.errors
    if params is not None and params.size > limits.max_size:
        message = f"{params.size} is too large; this server accepts at most {limits.max_size}"
        errors.append(FieldError("size", message))
    if errors or uploads is None or params is None:
        raise InvalidRequest(errors)
    return JobRequest(params, uploads, webhook, validate_only.lower() == "true")
