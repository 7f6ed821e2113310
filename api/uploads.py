"""A multipart form becomes checked pictures and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import FormData, UploadFile

from api.deps import Services, ServicesDep
from core import images
from core.errors import FieldError, InvalidPicture, InvalidRequest
from core.params import StyleParams, parse_params

MAX_STYLES = 5

#: Bounds on the form itself, well above what a job can use.
_MAX_FIELDS = 64
_MAX_FIELD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Submission:
    """What a caller posted: parameters that fit, and files not looked into yet."""

    params: StyleParams
    content: bytes
    styles: tuple[bytes, ...]

    def check_pictures(self, max_pixels: int) -> int:
        """Decode every picture, as the worker will.

        Returns:
            The pixels of the largest, at the size asked for.

        Raises:
            InvalidRequest: one cannot be read, or does not fit the size asked for.
        """
        largest = 0
        for field, data in [("content", self.content), *(("style", s) for s in self.styles)]:
            try:
                picture = images.decode(data, max_pixels=max_pixels)
            except InvalidPicture as error:
                raise error.named(field) from error
            width, height = self.params.scaled_size(picture.size, field)
            largest = max(largest, width * height)
        return largest


async def _read_submission(request: Request, services: ServicesDep) -> Submission:
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        raise HTTPException(
            415, f"the body is {content_type or 'untyped'!r}; send multipart/form-data"
        )
    async with request.form(
        max_files=1 + MAX_STYLES, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES
    ) as form:
        contents = [await _read_file(each, services) for each in form.getlist("content")]
        styles = [await _read_file(each, services) for each in form.getlist("style")]
        fields, repeated = _text_fields(form)
    return _check_form(contents, styles, fields, repeated, services)


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
    fields = {name: value for name, value in form.items() if name not in ("content", "style")}
    repeated = [name for name in fields if len(form.getlist(name)) > 1]
    return fields, repeated


def _check_form(
    contents: list[bytes | str],
    styles: list[bytes | str],
    fields: dict[str, str | UploadFile],
    repeated: list[str],
    services: Services,
) -> Submission:
    """Find all that is wrong with the form at once."""
    errors = [FieldError(name, "was given more than once") for name in repeated]
    if len(contents) != 1:
        errors.append(FieldError("content", f"expected 1 file, got {len(contents)}"))
    if not 1 <= len(styles) <= MAX_STYLES:
        errors.append(FieldError("style", f"expected 1 to {MAX_STYLES} files, got {len(styles)}"))
    for field, files in (("content", contents), ("style", styles)):
        errors += [FieldError(field, wrong) for wrong in files if isinstance(wrong, str)]
    params = None
    try:
        params = parse_params(_only_text(fields))
    except InvalidRequest as invalid:
        errors += invalid.errors
    if params is not None and params.size > services.settings.max_size:
        limit = services.settings.max_size
        errors.append(FieldError("size", f"{params.size} is more than this server's {limit}"))
    if errors or params is None:
        raise InvalidRequest(errors)
    pictures = [data for data in (*contents, *styles) if isinstance(data, bytes)]
    return Submission(params, pictures[0], tuple(pictures[1:]))


def _only_text(fields: dict[str, str | UploadFile]) -> dict[str, object]:
    return {
        name: value if isinstance(value, str) else f"<file {value.filename!r}>"
        for name, value in fields.items()
    }


def form_schema() -> dict[str, Any]:
    """The OpenAPI request body: two files, and every parameter."""
    schema = StyleParams.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    picture = {"type": "string", "format": "binary"}
    files = {
        "content": {**picture, "description": "The photograph."},
        "style": {
            "type": "array",
            "items": picture,
            "minItems": 1,
            "maxItems": MAX_STYLES,
            "description": "One to five paintings.",
        },
    }
    schema["title"] = "JobRequest"
    schema["properties"] = {**files, **schema["properties"]}
    schema["required"] = ["content", "style"]
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
