"""Pictures as callers give them: paths, the bytes of files, and pictures in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from core.pictures.uploads import FILE_FIELDS

#: A picture: a path, the bytes of a file, or a picture in memory.
Picture = str | os.PathLike[str] | bytes | Image.Image

#: Pictures by form field. The fields ``style`` and ``style_mask`` may have several.
Pictures = Mapping[str, Picture | Sequence[Picture] | None]


class PictureFile(NamedTuple):
    """A picture as a file."""

    #: The form field.
    field: str
    #: The path, or what takes its place in messages.
    name: str
    data: bytes


def split_fields(
    content: Picture | Sequence[Picture],
    style: Picture | Sequence[Picture],
    fields: Mapping[str, Any],
) -> tuple[Pictures, dict[str, Any]]:
    """Return the pictures by form field, and the other fields of a job."""
    further = {name: value for name, value in fields.items() if name in FILE_FIELDS}
    others = {name: value for name, value in fields.items() if name not in FILE_FIELDS}
    return {"content": content, "style": style, **further}, others


def read_files(pictures: Pictures) -> list[PictureFile]:
    """Return the pictures as files. Those in memory become PNG.

    Raises:
        OSError: a file cannot be read.
    """
    return [
        PictureFile(field, _name(each, field), _data(each))
        for field, given in pictures.items()
        for each in _listed(given)
    ]


def picture_of(data: bytes) -> Image.Image:
    """Return the picture in a file, decoded."""
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def _listed(given: Picture | Sequence[Picture] | None) -> Sequence[Picture]:
    if given is None:
        return ()
    if isinstance(given, str | os.PathLike | bytes | Image.Image):
        return (given,)
    return given


def _name(picture: Picture, field: str) -> str:
    return str(Path(picture)) if isinstance(picture, str | os.PathLike) else field


def _data(picture: Picture) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, Image.Image):
        file = BytesIO()
        picture.save(file, "PNG")
        return file.getvalue()
    return Path(picture).read_bytes()
