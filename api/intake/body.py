"""Reading of a request's body: a multipart form, or the same fields as JSON."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic_core import from_json

from api.intake.form import Form, field_name, file_error
from api.intake.multipart import join_fields, read_multipart
from core.errors import FieldError, InvalidRequest
from core.params.edits import EDITS_FIELD
from core.pictures.uploads import FILE_FIELDS, MAX_FILES, Upload
from core.settings.limits import Limits

#: The start of a data URL (RFC 2397).
_DATA_URL = re.compile(r"data:([^,]{0,256}),", re.IGNORECASE)
_MAX_HEAD = 512

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
#: The most values of a JSON body. A value takes 20 times the memory of its text.
_MAX_VALUES = 10_000

_URL_SAFE = str.maketrans("-_", "+/")

_EXPECTED = "expected the picture as a data URL or as base64"


async def read_form(request: Request, limits: Limits, max_files: int = MAX_FILES) -> Form:
    """Read the form in the body of a request, with at most ``max_files`` files.

    Raises:
        HTTPException: 400 if the body is malformed, 415 if it is neither a form nor JSON.
        InvalidRequest: the request has query parameters.
    """
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in ("multipart/form-data", "application/json"):
        raise HTTPException(
            415,
            f"the body is {content_type or 'untyped'!r}; send multipart/form-data or "
            "application/json",
        )
    if request.query_params:
        message = "is a query parameter, which has no effect; send it as a field of the body"
        raise InvalidRequest([FieldError(name, message) for name in request.query_params])
    if media_type == "multipart/form-data":
        return await read_multipart(request, limits, max_files)
    # request.body() would keep the bytes until the response.
    chunks = [chunk async for chunk in request.stream()]
    return await run_in_threadpool(read_json, chunks, limits, max_files)


def read_json(chunks: list[bytes], limits: Limits, max_files: int = MAX_FILES) -> Form:
    """Read the fields of a form from a JSON object.

    Values are text, numbers, booleans, or lists of them; null counts as not given. Pictures are
    data URLs or plain base64.

    Args:
        chunks: the body. They are removed from the list, to free their memory.
        limits: as for a form.
        max_files: the most pictures.

    Raises:
        HTTPException: 400 if the body is not a JSON object, or has too many or too large fields.
    """
    body = b"".join(chunks)
    chunks.clear()
    if sum(map(body.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise HTTPException(400, f"the body has too many values; at most {_MAX_VALUES} are allowed")
    try:
        values = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise HTTPException(400, f"the body is not valid JSON: {error}") from None
    del body
    if not isinstance(values, dict):
        raise HTTPException(400, f"the body is {_kind(values)}; expected an object with the fields")
    pictures: list[tuple[str, Any]] = []
    texts: list[tuple[str, Any]] = []
    for sent, value in values.items():
        name = field_name(sent)
        if name not in FILE_FIELDS:
            texts.append((name, value))
        else:
            items = value if isinstance(value, list) else [value]
            pictures += [(name, item) for item in items if item not in (None, "")]
    if len(pictures) > max_files:
        raise HTTPException(400, f"Too many files. Maximum number of files is {max_files}.")
    if len(texts) > limits.max_fields:
        raise HTTPException(
            400, f"Too many fields. Maximum number of fields is {limits.max_fields}."
        )
    files, file_errors = _files(pictures, limits)
    fields, field_errors = _fields(texts, limits)
    return Form(files, fields, [*field_errors, *file_errors])


def _files(
    pictures: list[tuple[str, Any]], limits: Limits
) -> tuple[dict[str, list[Upload]], list[FieldError]]:
    files: dict[str, list[Upload]] = {field: [] for field in FILE_FIELDS}
    errors = []
    for name, item in pictures:
        data = b""  # a refused picture is counted, so that it is not reported as missing too
        try:
            data = _decoded(item, limits)
            error = file_error(len(data), limits)
        except ValueError as invalid:
            error = str(invalid)
        if error is not None:
            errors.append(FieldError(name, error))
        files[name].append(Upload(name, data))
    return files, errors


def _decoded(item: Any, limits: Limits) -> bytes:
    """Return the bytes of a picture. Raises ValueError with the message for the caller."""
    if not isinstance(item, str):
        raise ValueError(f"is {_kind(item)}; {_EXPECTED}")
    if _ADDRESS.match(item):
        raise ValueError(f"is an address, and Easel fetches no pictures; {_EXPECTED}")
    if not item.isascii():
        raise ValueError(f"is not base64 (it has characters beyond ASCII); {_EXPECTED}")
    if len(item) > 2 * limits.max_picture_bytes + _MAX_HEAD:
        raise ValueError(
            f"is text of {len(item)} characters; at most {limits.max_picture_bytes} bytes are "
            "allowed, once decoded"
        )
    head = _DATA_URL.match(item)
    if head and not head[1].lower().endswith(";base64"):
        raise ValueError("is a data URL without ;base64; encode the picture as base64")
    text = "".join(item[head.end() if head else 0 :].split()).rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise ValueError(f"is not base64 ({error}); {_EXPECTED}") from None


def _fields(
    texts: list[tuple[str, Any]], limits: Limits
) -> tuple[dict[str, str], list[FieldError]]:
    items: list[tuple[str, str]] = []
    errors = []
    for name, value in texts:
        for item in value if isinstance(value, list) and name != EDITS_FIELD else [value]:
            if isinstance(item, dict | list) and name != EDITS_FIELD:
                expected = "expected text, a number, a boolean, or a list of them"
                errors.append(FieldError(name, f"has {_kind(item)} as a value; {expected}"))
                continue
            text = _text(item)
            if len(name) + len(text.encode()) > limits.max_field_bytes:
                size = limits.max_field_bytes
                raise HTTPException(
                    400, f"{name[:64]!r} is too large; at most {size} bytes are allowed"
                )
            items.append((name, text))
    fields, repeated = join_fields(items)
    return fields, [*errors, *repeated]


def _text(value: Any) -> str:
    """Return a value as the text that a form has for it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _kind(value: Any) -> str:
    """Return what a JSON value is, for an error."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
