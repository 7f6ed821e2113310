"""The arguments of the tools: pictures as an agent can name them, and parameters."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import httpx
from anyio import to_thread
from pydantic import Field, JsonValue, WithJsonSchema

from core.errors import FieldError, InvalidRequest
from core.params import StyleParams
from core.params.model import TUNABLE

#: The most bytes of a picture that is downloaded.
MAX_DOWNLOAD_BYTES = 100 * 2**20

_TIMEOUT_SECONDS = 30.0

_DESCRIPTION = (
    "a path on this machine, an http(s) URL, or a data URL such as data:image/png;base64,..."
)

PictureArgument = Annotated[str, Field(description=f"The photograph: {_DESCRIPTION}")]
StyleArgument = Annotated[
    str | Annotated[list[str], Field(min_length=1, max_length=5)],
    Field(description=f"The painting, or up to five that are blended. Each is {_DESCRIPTION}"),
]


def _schema(names: Collection[str], description: str) -> WithJsonSchema:
    """Return the schema of some parameters as an object, without references."""
    schema = StyleParams.model_json_schema()
    properties = {
        name: _without_references(schema["properties"][name], schema["$defs"]) for name in names
    }
    return WithJsonSchema(
        {
            "type": "object",
            "description": description,
            "properties": properties,
            "additionalProperties": False,
        }
    )


def _without_references(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_without_references(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        definition = definitions[schema["$ref"].removeprefix("#/$defs/")]
        schema = {**definition, **{key: schema[key] for key in schema if key != "$ref"}}
    return {key: _without_references(each, definitions) for key, each in schema.items()}


_Object = dict[str, JsonValue]

#: All parameters but those that have an argument of their own.
Parameters = Annotated[
    _Object,
    _schema(
        [name for name in StyleParams.model_fields if name not in ("strength", "size")],
        "Further parameters. Leave them out unless the user asks for something special.",
    ),
]

#: The parameters that may change while a job runs.
Changes = Annotated[
    _Object, _schema(TUNABLE, "The new values by name; null takes the default. The rest is kept.")
]

Strength = Annotated[
    float | None, Field(ge=0, le=1, description=StyleParams.model_fields["strength"].description)
]
Size = Annotated[
    int | None,
    Field(
        description="Longer side of the result, in pixels; 512 if it is left out. Twice the size "
        "takes about four times as long."
    ),
]


async def read_picture(field: str, given: str) -> Path | bytes:
    """Return the picture that an argument names: a path, or the bytes of a file.

    Args:
        field: the argument, for errors.
        given: a path, an http(s) URL or a data URL.

    Raises:
        InvalidRequest: there is no picture.
    """
    if given.startswith("data:"):
        return _decode(field, given)
    if given.startswith(("http://", "https://")):
        return await _download(field, given)
    path = Path(given).expanduser()
    if not await to_thread.run_sync(path.is_file):
        folder = f"; relative paths begin at {Path.cwd()}" * (not path.is_absolute())
        raise _refused(field, f"there is no file {given!r}{folder}")
    return path


def _decode(field: str, url: str) -> bytes:
    head, comma, text = url.partition(",")
    if not comma or not head.endswith(";base64"):
        raise _refused(field, f"{head[:40]!r} is not supported; expected data:image/...;base64,")
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise _refused(field, f"the data URL has invalid base64: {error}") from None


async def _download(field: str, url: str) -> bytes:
    data = bytearray()
    try:
        async with (
            httpx.AsyncClient(follow_redirects=True, timeout=_TIMEOUT_SECONDS) as http,
            http.stream("GET", url) as response,
        ):
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > MAX_DOWNLOAD_BYTES:
                    limit = f"{MAX_DOWNLOAD_BYTES // 2**20} MiB"
                    raise _refused(field, f"{url} has more than {limit}; use a smaller picture")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise _refused(field, f"{url} cannot be downloaded: {reason}") from None
    return bytes(data)


def _refused(field: str, message: str) -> InvalidRequest:
    return InvalidRequest([FieldError(field, message)])
