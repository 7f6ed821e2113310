"""A multipart form becomes checked pictures and parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from api.deps import Services, ServicesDep
from core.errors import FieldError, InvalidRequest
from core.params import StyleParams, parse_params
from core.params.presets import PRESETS
from core.pictures.inputs import (
    FILE_FIELDS,
    MAX_FILES,
    MAX_STYLES,
    Upload,
    Uploads,
    count_errors,
    start_from,
)
from core.webhooks.webhook import (
    EVENTS_FIELD,
    MAX_URL,
    URL_FIELD,
    Webhook,
    WebhookEvent,
    read_webhook,
)

_DESCRIPTIONS = {
    "content": "The photograph.",
    "style": f"One to {MAX_STYLES} paintings.",
    "init_image": "A picture to start from, stretched to the result's size.",
    "content_mask": "Regions of the content: every colour is a label. As large as the content; "
    "PNG, lossless WebP, TIFF or GIF.",
    "style_mask": "Regions of the styles, one file for each style in the same order. A region of "
    "the content takes its style from the regions of the same colour.",
}

_WEBHOOK_SCHEMA = {
    URL_FIELD: {
        "type": "string",
        "format": "uri",
        "maxLength": MAX_URL,
        "description": "Where the job's events are posted to, signed as Standard Webhooks says.",
        "examples": ["https://example.com/easel"],
    },
    EVENTS_FIELD: {
        "type": "string",
        "description": "Which events, with commas between. By default all: "
        + ", ".join(event.value for event in WebhookEvent)
        + ".",
        "examples": ["job.succeeded,job.failed"],
    },
}


#: The parameters that are lists.
_LISTS = frozenset(
    name
    for name, schema in StyleParams.model_json_schema()["properties"].items()
    if schema.get("type") == "array"
)


@dataclass(frozen=True)
class Submission:
    """What a caller posted: parameters that fit, and files that can be read."""

    params: StyleParams
    uploads: Uploads
    webhook: Webhook | None = None
    #: Of the largest picture, at the size asked for.
    pixels: int = 0
    #: Whether to say only what would become of it.
    validate_only: bool = False


async def _read_submission(request: Request, services: ServicesDep) -> Submission:
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raise HTTPException(
            415, f"the body is {content_type or 'untyped'!r}; send multipart/form-data"
        )
    if request.query_params:
        misplaced = "is in the address, where it would do nothing; send it as a field of the form"
        raise InvalidRequest([FieldError(name, misplaced) for name in request.query_params])
    settings = services.settings
    async with request.form(
        max_files=MAX_FILES,
        max_fields=settings.max_fields,
        max_part_size=settings.max_field_bytes,
    ) as form:
        files = {
            field: [await _read_file(each, services) for each in form.getlist(field)]
            for field in FILE_FIELDS
        }
        fields, repeated = _text_fields(form)
    # In a thread: a webhook's host is resolved.
    submission = await run_in_threadpool(_check_form, files, fields, repeated, services)
    pixels = await request.app.state.examiner.check(submission.uploads, submission.params)
    return replace(submission, pixels=pixels)


SubmissionDep = Annotated[Submission, Depends(_read_submission)]


async def _read_file(part: UploadFile | str, services: Services) -> bytes | str:
    """The bytes of a file, or what is wrong with it."""
    if isinstance(part, str):
        return "must be a file, not text; in curl, write an @ before its path"
    if not part.size:
        return "is an empty file"
    if part.size > services.settings.max_picture_bytes:
        limit = services.settings.max_picture_bytes
        return f"is a file of {part.size} bytes; at most {limit} are allowed"
    return await part.read()


def _text_fields(form: FormData) -> tuple[dict[str, str | UploadFile], list[str]]:
    fields = {name: value for name, value in form.items() if name not in FILE_FIELDS}
    repeated = [name for name in fields if len(form.getlist(name)) > 1]
    for name in _LISTS.intersection(repeated):
        # Clients made from the schema send a list so, and people write it with commas.
        fields[name] = ",".join(str(each) for each in form.getlist(name))
    return fields, [name for name in repeated if name not in _LISTS]


def _check_form(
    files: dict[str, list[bytes | str]],
    fields: dict[str, str | UploadFile],
    repeated: list[str],
    services: Services,
) -> Submission:
    """Find all that is wrong with the form at once."""
    errors = [FieldError(name, "was given more than once") for name in repeated]
    errors += count_errors({field: len(each) for field, each in files.items()})
    uploads: dict[str, list[Upload]] = {field: [] for field in files}
    for field, each in ((field, each) for field, parts in files.items() for each in parts):
        if isinstance(each, str):
            errors.append(FieldError(field, each))
        else:
            uploads[field].append(Upload(field, each))
    given = fields.pop("validate_only", "false")
    validate_only = str(given).lower()  # generated Python clients send True and False
    if validate_only not in ("true", "false"):
        errors.append(FieldError("validate_only", f"{given!r} is neither true nor false"))
    text = _only_text(fields)
    url, events = text.pop(URL_FIELD, None), text.pop(EVENTS_FIELD, None)
    webhook, wrong = read_webhook(url, events, services.guard)
    errors += wrong
    params = None
    try:
        params = parse_params({**start_from(files["init_image"]), **text})
    except InvalidRequest as invalid:
        errors += invalid.errors
    if params is not None and params.size > services.settings.max_size:
        limit = services.settings.max_size
        errors.append(FieldError("size", f"{params.size} is more than this server's {limit}"))
    if errors or params is None:
        raise InvalidRequest(errors)
    return Submission(params, Uploads.of(uploads), webhook, validate_only=validate_only == "true")


def _only_text(fields: dict[str, str | UploadFile]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else f"<file {value.filename!r}>"
        for name, value in fields.items()
    }


#: What the preset or the optimiser says unless it is given. A client made from a schema sends
#: every default that it finds there, and what is given wins over the preset.
_RESOLVED = sorted({name for preset in PRESETS.values() for name in preset} | {"learning_rate"})


def form_schema() -> dict[str, Any]:
    """The OpenAPI request body: the files, and every parameter."""
    schema = StyleParams.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    files = {field: _file_schema(field) for field in FILE_FIELDS}
    schema["title"] = "JobRequest"
    for name in _RESOLVED:
        del schema["properties"][name]["default"]
    options = {
        "validate_only": {
            "type": "boolean",
            "default": False,
            "description": "Check everything, create nothing, and answer 200 with an estimate.",
        }
    }
    schema["properties"] = {**files, **schema["properties"], **_WEBHOOK_SCHEMA, **options}
    schema["required"] = [field for field, (fewest, _) in FILE_FIELDS.items() if fewest]
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _file_schema(field: str) -> dict[str, Any]:
    fewest, most = FILE_FIELDS[field]
    file = {"type": "string", "format": "binary"}
    several = {"type": "array", "items": file, "minItems": fewest, "maxItems": most}
    return {**(file if most == 1 else several), "description": _DESCRIPTIONS[field]}
