"""The uploaded files of a job: how many there may be, what is checked, how they are decoded.

The API, the command line and the worker use the same checks, so that they accept the
same files and reject others with the same messages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

from PIL import Image

from core.errors import FieldError, InvalidPicture, InvalidRequest
from core.jobs.job import Inputs, Picture
from core.jobs.pictures import JobPictures
from core.params import Init, StyleParams
from core.pictures.bundle import Pictures, check_start
from core.pictures.decode import Decoded, decode, decode_detail_map, decode_mask
from core.pictures.detail import check_proportions, in_proportion
from core.pictures.formats.table import sniff_media_type
from core.pictures.inspection import Inspect, Inspection
from core.pictures.masks import Label, check_areas, check_labels, count_mask_errors

_Result = TypeVar("_Result")

MAX_STYLES = 5

#: The form fields that are files, with the least and the greatest number of files of each.
FILE_FIELDS = {
    "content": (1, 1),
    "style": (1, MAX_STYLES),
    "init_image": (0, 1),
    "content_mask": (0, 1),
    "style_mask": (0, MAX_STYLES),
    "detail_map": (0, 1),
}

#: The most files of a job.
MAX_FILES = sum(most for _, most in FILE_FIELDS.values())


@dataclass(frozen=True)
class Upload:
    """An uploaded file."""

    #: The form field or the path, for errors.
    name: str
    data: bytes
    #: The name of the file, if the client sent one.
    file_name: str = ""

    @cached_property
    def picture(self) -> Picture:
        """The description of the file in the job record. The file must be readable.

        The file is hashed on first use only.
        """
        return Picture(
            sha256=hashlib.sha256(self.data).hexdigest(),
            media_type=sniff_media_type(self.data),
            size_bytes=len(self.data),
        )


#: What a pixel of a decoded picture takes: Pillow keeps RGB in four bytes. The colours of a mask
#: are there a second time, as an array.
_PIXEL_BYTES, _GREY_BYTES, _MASK_BYTES = 4, 1, 7


class Checked(NamedTuple):
    """What is known of uploads that were checked."""

    pictures: JobPictures
    #: Sentences about pictures that were read with losses, each with the name of the file.
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Uploads:
    """The files of a job, not decoded yet."""

    content: Upload
    styles: tuple[Upload, ...]
    init_image: Upload | None = None
    content_mask: Upload | None = None
    style_masks: tuple[Upload, ...] = ()
    detail_map: Upload | None = None

    @classmethod
    def of(cls, files: Mapping[str, Sequence[Upload]]) -> Uploads:
        """Create the value from the files of each form field.

        Args:
            files: the files by form field. Fields without files may be missing.

        Raises:
            InvalidRequest: a field has too few or too many files.
        """
        by_field = {field: tuple(files.get(field, ())) for field in FILE_FIELDS}
        errors = _count_errors({field: len(each) for field, each in by_field.items()})
        if errors:
            raise InvalidRequest(errors)
        return cls(
            content=by_field["content"][0],
            styles=by_field["style"],
            init_image=next(iter(by_field["init_image"]), None),
            content_mask=next(iter(by_field["content_mask"]), None),
            style_masks=by_field["style_mask"],
            detail_map=next(iter(by_field["detail_map"]), None),
        )

    @classmethod
    def fetch(cls, inputs: Inputs, get: Callable[[str], bytes]) -> Uploads:
        """Read the files of a job record.

        Args:
            inputs: the pictures of the record.
            get: returns the file with a given SHA-256.
        """

        def read(field: str, *pictures: Picture | None) -> list[Upload]:
            return [Upload(field, get(each.sha256)) for each in pictures if each is not None]

        return cls.of(
            {
                "content": read("content", inputs.content),
                "style": read("style", *inputs.styles),
                "init_image": read("init_image", inputs.init_image),
                "content_mask": read("content_mask", inputs.content_mask),
                "style_mask": read("style_mask", *inputs.style_masks),
                "detail_map": read("detail_map", inputs.detail_map),
            }
        )

    def files(self) -> tuple[Upload, ...]:
        """Return all files."""
        single = (self.init_image, self.content_mask, self.detail_map)
        given = [each for each in single if each is not None]
        return (self.content, *self.styles, *given, *self.style_masks)

    def to_inspect(self) -> Iterator[tuple[Upload, bool]]:
        """Yield every file that :meth:`check` inspects, and whether it is a mask."""
        for picture in (self.content, *self.styles, self.init_image, self.detail_map):
            if picture is not None:
                yield picture, False
        for mask in (self.content_mask, *self.style_masks):
            if mask is not None:
                yield mask, True

    @property
    def inputs(self) -> Inputs:
        """The description of the files in the job record."""
        return Inputs(
            content=self.content.picture,
            styles=tuple(each.picture for each in self.styles),
            init_image=self.init_image and self.init_image.picture,
            content_mask=self.content_mask and self.content_mask.picture,
            style_masks=tuple(each.picture for each in self.style_masks),
            detail_map=self.detail_map and self.detail_map.picture,
        )

    def check(self, params: StyleParams, inspect: Inspect) -> Checked:
        """Check that every file can be read, and that the files match each other.

        Args:
            params: the parameters of the job.
            inspect: inspects a file, in this process or in the sandbox.

        Raises:
            InvalidRequest: a file cannot be read, or conflicts with other files or parameters.
        """
        warnings: list[str] = []
        decoded_bytes = 0

        def size_of(upload: Upload, pixel_bytes: int = _PIXEL_BYTES) -> tuple[int, int]:
            nonlocal decoded_bytes
            inspection = _inspect(upload, inspect)
            warnings.extend(f"{upload.name}: {each}" for each in inspection.warnings)
            decoded_bytes += inspection.width * inspection.height * pixel_bytes
            return inspection.size

        sizes = [size_of(each) for each in (self.content, *self.styles)]
        scaled = [params.scaled_size(sizes[0], self.content.name)]
        for style, size in zip(self.styles, sizes[1:], strict=True):
            scaled.append(params.style_size(size, style.name))
        params.blend_weights(len(self.styles))
        check_start(params.init, self.init_image is not None)
        if self.init_image is not None:
            size_of(self.init_image)
        if self.detail_map is not None:
            size = size_of(self.detail_map, _GREY_BYTES)
            check_proportions(self.detail_map.name, size, self.content.name, sizes[0])
        labels: list[frozenset[Label]] = []
        if self.content_mask is not None:
            masks = (self.content_mask, *self.style_masks)
            pictures = (self.content, *self.styles)
            inspected = [
                _check_mask(mask, picture, size, inspect)
                for mask, picture, size in zip(masks, pictures, sizes, strict=True)
            ]
            decoded_bytes += _MASK_BYTES * sum(each.width * each.height for each in inspected)
            regions = [dict(each.regions or ()) for each in inspected]
            labels = [frozenset(areas) for areas in regions]
            check_labels(self.content_mask.name, labels[0], frozenset().union(*labels[1:]))
            for mask, areas, size in zip(masks, regions, scaled, strict=True):
                check_areas(mask.name, areas, size, params.style_layers)
        content, *styles = (width * height for width, height in scaled)
        found = JobPictures(
            content,
            tuple(styles),
            regions=len(labels[0]) if labels else 0,
            detail_map=self.detail_map is not None,
            decoded_bytes=decoded_bytes,
        )
        return Checked(found, tuple(warnings))

    def load(self, max_pixels: int) -> Pictures:
        """Decode all files.

        Args:
            max_pixels: the most pixels that a picture may have.

        Raises:
            InvalidPicture: a file cannot be read.
        """
        content = _decode(self.content, max_pixels)
        init, mask, detail = self.init_image, self.content_mask, self.detail_map
        return Pictures(
            content=content.picture,
            styles=tuple(_decode(each, max_pixels).picture for each in self.styles),
            init_image=None if init is None else _decode(init, max_pixels).picture,
            content_mask=None if mask is None else _decode_mask(mask, max_pixels),
            style_masks=tuple(_decode_mask(each, max_pixels) for each in self.style_masks),
            detail_map=None if detail is None else _decode_detail_map(detail, max_pixels),
            alpha=content.alpha,
        )


def start_from(init_image: object) -> dict[str, object]:
    """Return the parameter that an ``init_image`` implies, if there is one."""
    return {"init": Init.IMAGE.value} if init_image else {}


def _count_errors(counts: Mapping[str, int]) -> list[FieldError]:
    """Return the errors in the number of files of each field."""
    errors = [
        FieldError(field, f"expected {_range(fewest, most)}, got {counts[field]}")
        for field, (fewest, most) in FILE_FIELDS.items()
        if not fewest <= counts[field] <= most
    ]
    return errors + count_mask_errors(counts["content_mask"], counts["style_mask"], counts["style"])


def _range(fewest: int, most: int) -> str:
    if fewest == most:
        return f"{most} file"
    return f"{fewest} to {most} files" if fewest else f"at most {most} file{'s' * (most > 1)}"


def _decode(upload: Upload, max_pixels: int) -> Decoded:
    return _named(upload, lambda: decode(upload.data, max_pixels=max_pixels))


def _decode_mask(upload: Upload, max_pixels: int) -> Image.Image:
    return _named(upload, lambda: decode_mask(upload.data, max_pixels=max_pixels)).picture


def _decode_detail_map(upload: Upload, max_pixels: int) -> Image.Image:
    return _named(upload, lambda: decode_detail_map(upload.data, max_pixels=max_pixels))


def _inspect(upload: Upload, inspect: Inspect, *, mask: bool = False) -> Inspection:
    return _named(upload, lambda: inspect(upload.data, mask))


def _named(upload: Upload, read: Callable[[], _Result]) -> _Result:
    """Read an upload; an error gets its name."""
    try:
        return read()
    except InvalidPicture as error:
        raise InvalidPicture(error.message, upload.name) from error


def _check_mask(
    upload: Upload, picture: Upload, size: tuple[int, int], inspect: Inspect
) -> Inspection:
    """Inspect a mask, which must have the proportions of its picture."""
    mask = _inspect(upload, inspect, mask=True)
    if not in_proportion(mask.size, size):
        raise InvalidPicture(
            f"is {mask.width}x{mask.height} pixels upright, and the {picture.name} that it "
            f"belongs to is {size[0]}x{size[1]}; draw the mask on the picture itself, at any scale",
            upload.name,
        )
    return mask
