"""Reading of multipart forms, as browsers and HTTP libraries send them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import HTTPException, Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.intake.form import LIST_FIELDS, Form, field_name, file_error
from core.errors import FieldError
from core.pictures.uploads import FILE_FIELDS, MAX_FILES, Upload
from core.settings.limits import Limits

#: The encodings of text that clients send. Among Python's others are codecs whose text is no
#: valid Unicode.
_CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252")


async def read_multipart(request: Request, limits: Limits, max_files: int = MAX_FILES) -> Form:
    """Read the multipart form in the body of a request, with at most ``max_files`` files.

    Empty fields, and empty files without a name, count as not given: browsers send them for
    inputs that were left empty.

    Raises:
        HTTPException: 400 if the body is malformed, or has too many or too large parts.
            415 for an unusual encoding of text.
    """
    _check_charset(request.headers["content-type"])
    async with _parsed(request, limits, max_files) as parts:
        files, file_errors = await _files(parts, limits)
        fields, field_errors = _fields(parts)
    return Form(files, fields, [*field_errors, *file_errors])


def _check_charset(content_type: str) -> None:
    _, options = parse_options_header(content_type)
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in _CHARSETS:
        raise HTTPException(415, f"the charset of the form is {charset!r}; send it as utf-8")


@asynccontextmanager
async def _parsed(request: Request, limits: Limits, max_files: int) -> AsyncIterator[FormData]:
    parser = _Parser(
        request.headers,
        request.stream(),
        max_files=max_files,
        max_fields=limits.max_fields,
        max_part_size=limits.max_field_bytes,
    )
    try:
        parts = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, error.message) from None
    try:
        yield parts
    finally:
        await parts.close()


class _Parser(MultiPartParser):
    """Takes every part of a picture field as a file, whether or not it has a file name.

    The base class takes parts without ``filename`` as text. Some clients send pictures thus,
    or with ``filename*`` only. Tried with starlette 1.10.
    """

    #: Keep files in memory. The base class writes large ones to the folder for temporary files,
    #: which may be smaller than an upload. ``api.asgi.body_limit`` bounds the memory.
    spool_max_size = 0

    def on_headers_finished(self) -> None:
        part = self._current_part
        _, options = parse_options_header(part.content_disposition)
        name = field_name(options.get(b"name", b"").decode("latin-1"))
        if name in FILE_FIELDS and b"filename" not in options:
            part.content_disposition = (part.content_disposition or b"") + b'; filename=""'
        super().on_headers_finished()


async def _files(
    parts: FormData, limits: Limits
) -> tuple[dict[str, list[Upload]], list[FieldError]]:
    files: dict[str, list[Upload]] = {field: [] for field in FILE_FIELDS}
    errors = []
    for sent, part in parts.multi_items():
        field = field_name(sent)
        if field not in FILE_FIELDS or not isinstance(part, UploadFile):
            continue
        if not part.size and not part.filename:
            continue
        data = b""  # a refused file is counted, so that it is not reported as missing too
        error = file_error(part.size or 0, limits)
        if error is None:
            data = await part.read()
            await part.close()  # frees its copy
            if not part.filename and _is_text(data):
                error = "is text; expected a file (with curl, put an @ before its path)"
        if error is not None:
            errors.append(FieldError(field, error))
        files[field].append(Upload(field, data, part.filename or ""))
    return files, errors


def _is_text(data: bytes) -> bool:
    """Return whether the data is text, which no supported picture format is."""
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def _fields(parts: FormData) -> tuple[dict[str, str], list[FieldError]]:
    texts = [
        (field_name(sent), value if isinstance(value, str) else f"<file {value.filename!r}>")
        for sent, value in parts.multi_items()
    ]
    return join_fields([(name, text) for name, text in texts if name not in FILE_FIELDS])


def join_fields(items: list[tuple[str, str]]) -> tuple[dict[str, str], list[FieldError]]:
    """Join the values of each field, and drop those that are blank.

    Generated clients repeat the field of a list; people separate its items by commas.

    Args:
        items: names and values, in the order in which they were sent.

    Returns:
        The fields, and an error for each field that is sent more than once and is not a list.
    """
    values: dict[str, list[str]] = {}
    for name, text in items:
        if text.strip():
            values.setdefault(name, []).append(text)
    fields = {
        name: ",".join(texts) if name in LIST_FIELDS else texts[-1]
        for name, texts in values.items()
    }
    errors = [
        FieldError(name, f"was sent {len(texts)} times; send it once")
        for name, texts in values.items()
        if len(texts) > 1 and name not in LIST_FIELDS
    ]
    return fields, errors
