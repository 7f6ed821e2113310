"""The form of a new job: the names of its fields, and its parsing into a ``JobRequest``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from core.errors import FieldError, InvalidRequest
from core.jobs.waiting.drafts import draft_params
from core.jobs.waiting.turns import Priority
from core.params import StyleParams, parse_params
from core.params.edits import EDITS_FIELD, Edits, parse_edits
from core.pictures.uploads import FILE_FIELDS, Upload, Uploads, start_from
from core.settings.limits import Limits
from core.webhooks.addresses import AddressGuard
from core.webhooks.webhook import EVENTS_FIELD, SECRET_FIELD, URL_FIELD, Webhook, parse_webhook

VALIDATE_FIELD = "validate_only"
SECONDS_FIELD = "max_seconds"
CONTINUE_FIELD = "continue_from"
PRIORITY_FIELD = "priority"
DRAFT_FIELD = "draft"

#: All fields of a request.
FIELDS = (
    *FILE_FIELDS,
    *StyleParams.model_fields,
    URL_FIELD,
    EVENTS_FIELD,
    SECRET_FIELD,
    SECONDS_FIELD,
    EDITS_FIELD,
    CONTINUE_FIELD,
    PRIORITY_FIELD,
    DRAFT_FIELD,
    VALIDATE_FIELD,
)

#: The fields that a draft cannot have: it repeats no edits, and ends only when nobody reads it.
_NOT_WITH_DRAFT = (SECONDS_FIELD, EDITS_FIELD, URL_FIELD, EVENTS_FIELD, SECRET_FIELD)
_NOT_A_DRAFTS = "was sent with draft, which cannot have it; leave one of them out"

#: The fields that are lists of values.
LIST_FIELDS = frozenset(
    [
        EVENTS_FIELD,
        *(
            name
            for name, schema in StyleParams.model_json_schema()["properties"].items()
            if schema.get("type") == "array"
        ),
    ]
)

#: Other names that can mean nothing else.
_ALIASES = {
    "content_image": "content",
    "style_image": "style",
    "style_images": "style",
    "styles": "style",
}

#: What PHP, Rails and axios append to the name of a list: ``style[]`` and ``style[0]``.
_INDEX = re.compile(r"\[\d*\]$")

_SECONDS = re.compile(r"[1-9][0-9]{0,8}")

#: Accepts what clients send for a boolean: true, True, 1, yes, and a checkbox's "on".
_BOOLEAN = TypeAdapter(bool)


def file_error(size: int, limits: Limits) -> str | None:
    """Return why a file of that many bytes is refused, or None if it is accepted."""
    if not size:
        return "is an empty file"
    if size > limits.max_picture_bytes:
        return f"is a file of {size} bytes; at most {limits.max_picture_bytes} are allowed"
    return None


class Form(NamedTuple):
    """The contents of a form, not yet parsed."""

    files: dict[str, list[Upload]]
    #: Every other field that is not blank. The items of lists are separated by commas.
    fields: dict[str, str]
    #: Errors that were found while reading.
    errors: list[FieldError]


@dataclass(frozen=True)
class JobRequest:
    """A parsed form: valid parameters, and files that are not decoded yet."""

    params: StyleParams
    uploads: Uploads
    #: Changes of the parameters during the run; ``params`` are those after the last one.
    edits: Edits = ()
    #: The job that it continues, if any.
    continued_from: str | None = None
    webhook: Webhook | None = None
    #: How many seconds the job may run; None without a limit of the caller.
    max_seconds: int | None = None
    priority: Priority = Priority.NORMAL
    #: Whether it is a draft; ``params`` are those of the draft then, which may have fewer steps
    #: than were asked for.
    draft: bool = False
    asked_steps: int | None = None
    #: Whether to answer with an estimate instead of creating the job.
    validate_only: bool = False


def field_name(sent: str) -> str:
    """Return the name of the field that a client's spelling means, which may be unknown."""
    name = _INDEX.sub("", sent)
    return _ALIASES.get(name, name)


def parse_form(form: Form, max_size: int, guard: AddressGuard) -> JobRequest:
    """Parse a form. Blocks while it resolves the host of a webhook.

    Args:
        form: the form.
        max_size: the largest size that the request may have, in pixels.
        guard: decides whether webhooks may be sent to an address.

    Raises:
        InvalidRequest: with every error of the form at once.
    """
    errors = [*form.errors, *_unknown_fields(form.fields)]
    fields = {name: text for name, text in form.fields.items() if name in FIELDS}
    uploads = params = None
    try:
        uploads = Uploads.of(form.files)
    except InvalidRequest as invalid:
        errors += invalid.errors
    validate_only = _flag(VALIDATE_FIELD, fields, errors)
    draft = _draft(fields, errors)
    continued_from = fields.pop(CONTINUE_FIELD, None)
    max_seconds = fields.pop(SECONDS_FIELD, None)
    if max_seconds is not None and not _SECONDS.fullmatch(max_seconds):
        message = f"{max_seconds!r} is invalid; expected a whole number of seconds from 1"
        errors.append(FieldError(SECONDS_FIELD, message))
    priority, priority_errors = _parse_priority(fields.pop(PRIORITY_FIELD, Priority.NORMAL.value))
    errors += priority_errors
    webhook, webhook_errors = parse_webhook(
        fields.pop(URL_FIELD, None),
        fields.pop(EVENTS_FIELD, None),
        fields.pop(SECRET_FIELD, None),
        guard,
    )
    errors += webhook_errors
    edits: Edits = ()
    text = fields.pop(EDITS_FIELD, None)
    try:
        params = parse_params({**start_from(form.files["init_image"]), **fields})
        if text is not None:
            params, edits = parse_edits(text, params)
    except InvalidRequest as invalid:
        errors += invalid.errors
    if params is not None and params.size > max_size:
        message = f"{params.size} is too large; this server accepts at most {max_size}"
        errors.append(FieldError("size", message))
    if errors or uploads is None or params is None:
        raise InvalidRequest(errors)
    seconds = None if max_seconds is None else int(max_seconds)
    asked_steps = params.steps if draft else None
    return JobRequest(
        draft_params(params) if draft else params,
        uploads,
        edits,
        continued_from,
        webhook,
        seconds,
        priority,
        draft,
        asked_steps,
        validate_only,
    )


def _flag(name: str, fields: dict[str, str], errors: list[FieldError]) -> bool:
    """Take a flag out of the fields, and add an error if it is invalid."""
    text = fields.pop(name, "false")
    try:
        return _BOOLEAN.validate_python(text)
    except ValidationError:
        errors.append(FieldError(name, f"{text!r} is invalid; expected 'true' or 'false'"))
        return False


def _draft(fields: dict[str, str], errors: list[FieldError]) -> bool:
    """Take the flag of a draft out of the fields, and add an error for each that it cannot have."""
    draft = _flag(DRAFT_FIELD, fields, errors)
    if draft:
        errors += [FieldError(name, _NOT_A_DRAFTS) for name in _NOT_WITH_DRAFT if name in fields]
    return draft


def _parse_priority(text: str) -> tuple[Priority, list[FieldError]]:
    """Return the priority that a text names, or the error."""
    if text in list(Priority):
        return Priority(text), []
    message = f"{text!r} is invalid; expected {', '.join(Priority)}"
    return Priority.NORMAL, [FieldError(PRIORITY_FIELD, message)]


def _unknown_fields(names: Iterable[str]) -> list[FieldError]:
    """Return an error for each name that is not a field, with the closest field."""
    return [FieldError(name, _remedy(name)) for name in names if name not in FIELDS]


def _remedy(name: str) -> str:
    close = difflib.get_close_matches(name.lower().replace("-", "_"), FIELDS, n=1)
    if close:
        return f"is not a field; did you mean {close[0]!r}?"
    return f"is not a field; the fields are {', '.join(FIELDS)}"
