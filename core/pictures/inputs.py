"""The files of one job: what they must be together, and how they become pictures.

The api, the command line and the worker all come through here, so that they accept
the same files, and refuse the others with the same words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from core.errors import FieldError, InvalidPicture, InvalidRequest
from core.jobs.job import Inputs, Picture
from core.params import Init, StyleParams
from core.pictures.bundle import Pictures, check_start, mask_errors
from core.pictures.decode import Decoded, decode, decode_mask, sniff_media_type
from core.pictures.inspection import Examine, Seen
from core.pictures.masks import Label, check_areas, check_labels

MAX_STYLES = 5

#: The fields of a job that are files: how few and how many each may have.
FILE_FIELDS = {
    "content": (1, 1),
    "style": (1, MAX_STYLES),
    "init_image": (0, 1),
    "content_mask": (0, 1),
    "style_mask": (0, MAX_STYLES),
}

#: The most files of one job.
MAX_FILES = sum(most for _, most in FILE_FIELDS.values())


@dataclass(frozen=True)
class Upload:
    """A file, and what to call it in an error: a form field, or a path."""

    name: str
    data: bytes

    @cached_property
    def picture(self) -> Picture:
        """What the job record holds about the file. The file is hashed once, on first use.

        The media type is that of a file that was decoded before.
        """
        return Picture(
            sha256=hashlib.sha256(self.data).hexdigest(),
            media_type=sniff_media_type(self.data),
            size_bytes=len(self.data),
        )


@dataclass(frozen=True)
class Uploads:
    """The files of one job, not looked into yet."""

    content: Upload
    styles: tuple[Upload, ...]
    init_image: Upload | None = None
    content_mask: Upload | None = None
    style_masks: tuple[Upload, ...] = ()

    @classmethod
    def of(cls, files: Mapping[str, Sequence[Upload]]) -> Uploads:
        """Sort files by the field they came in.

        Args:
            files: for each of ``FILE_FIELDS``, its files; one without any may be left out.

        Raises:
            InvalidRequest: a field has too few or too many.
        """
        found = {field: tuple(files.get(field, ())) for field in FILE_FIELDS}
        errors = count_errors({field: len(each) for field, each in found.items()})
        if errors:
            raise InvalidRequest(errors)
        return cls(
            content=found["content"][0],
            styles=found["style"],
            init_image=next(iter(found["init_image"]), None),
            content_mask=next(iter(found["content_mask"]), None),
            style_masks=found["style_mask"],
        )

    @classmethod
    def fetch(cls, inputs: Inputs, get: Callable[[str], bytes]) -> Uploads:
        """The files of a job's record.

        Args:
            inputs: what the record has of them.
            get: gives the file of a SHA-256.
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
            }
        )

    def files(self) -> tuple[Upload, ...]:
        """Return all files."""
        single = [each for each in (self.init_image, self.content_mask) if each is not None]
        return (self.content, *self.styles, *single, *self.style_masks)

    @property
    def inputs(self) -> Inputs:
        """What the job record holds about the files."""
        return Inputs(
            content=self.content.picture,
            styles=tuple(each.picture for each in self.styles),
            init_image=self.init_image and self.init_image.picture,
            content_mask=self.content_mask and self.content_mask.picture,
            style_masks=tuple(each.picture for each in self.style_masks),
        )

    def check(self, params: StyleParams, examine: Examine) -> int:
        """Look into every file, one after the other.

        Args:
            params: the job's.
            examine: decodes a file, here or where it can do no harm.

        Returns:
            The pixels of the largest picture, at the size asked for.

        Raises:
            InvalidRequest: one cannot be read, or does not fit the others or the size asked for.
        """
        sizes = [_seen(each, examine).size for each in (self.content, *self.styles)]
        scaled = [params.scaled_size(sizes[0], self.content.name)]
        for style, size in zip(self.styles, sizes[1:], strict=True):
            scaled.append(params.style_size(size, style.name))
        params.blend_weights(len(self.styles))
        check_start(params.init, self.init_image is not None)
        if self.init_image is not None:
            _seen(self.init_image, examine)
        if self.content_mask is not None:
            masks = (self.content_mask, *self.style_masks)
            pictures = (self.content, *self.styles)
            regions = [
                _regions_of(mask, picture, size, examine)
                for mask, picture, size in zip(masks, pictures, sizes, strict=True)
            ]
            labels = [frozenset(areas) for areas in regions]
            check_labels(self.content_mask.name, labels[0], frozenset().union(*labels[1:]))
            for mask, areas, size in zip(masks, regions, scaled, strict=True):
                check_areas(mask.name, areas, size, params.style_layers)
        return max(width * height for width, height in scaled)

    def load(self, max_pixels: int) -> Pictures:
        """Decode all files.

        Raises:
            InvalidPicture: one cannot be read.
        """
        content = _decode(self.content, max_pixels)
        init, mask = self.init_image, self.content_mask
        return Pictures(
            content=content.picture,
            styles=tuple(_decode(each, max_pixels).picture for each in self.styles),
            init_image=None if init is None else _decode(init, max_pixels).picture,
            content_mask=None if mask is None else _decode_mask(mask, max_pixels),
            style_masks=tuple(_decode_mask(each, max_pixels) for each in self.style_masks),
            alpha=content.alpha,
        )


def start_from(init_image: object) -> dict[str, object]:
    """What a picture to start from, if there is one, says about the parameters."""
    return {"init": Init.IMAGE.value} if init_image else {}


def count_errors(counts: Mapping[str, int]) -> list[FieldError]:
    """What is wrong with the numbers of files.

    Args:
        counts: for each of ``FILE_FIELDS``, how many files it has.
    """
    errors = [
        FieldError(field, f"expected {_range(fewest, most)}, got {counts[field]}")
        for field, (fewest, most) in FILE_FIELDS.items()
        if not fewest <= counts[field] <= most
    ]
    masks = bool(counts["content_mask"]), counts["style_mask"]
    return errors + mask_errors(*masks, counts["style"])


def _range(fewest: int, most: int) -> str:
    if fewest == most:
        return f"{most} file"
    return f"{fewest} to {most} files" if fewest else f"at most {most} file{'s' * (most > 1)}"


def _decode(upload: Upload, max_pixels: int) -> Decoded:
    try:
        return decode(upload.data, max_pixels=max_pixels)
    except InvalidPicture as error:
        raise error.named(upload.name) from error


def _decode_mask(upload: Upload, max_pixels: int) -> Image.Image:
    try:
        return decode_mask(upload.data, max_pixels=max_pixels)
    except InvalidPicture as error:
        raise error.named(upload.name) from error


def _seen(upload: Upload, examine: Examine, *, mask: bool = False) -> Seen:
    try:
        return examine(upload.data, mask)
    except InvalidPicture as error:
        raise error.named(upload.name) from error


def _regions_of(
    upload: Upload, picture: Upload, size: tuple[int, int], examine: Examine
) -> dict[Label, float]:
    """The colours of a mask, which must be as large as its picture, and their parts of it."""
    mask = _seen(upload, examine, mask=True)
    if mask.size != size:
        raise InvalidPicture(
            f"is {mask.width}x{mask.height} pixels upright, and the {picture.name} that it "
            f"belongs to is {size[0]}x{size[1]}; draw the mask on the picture itself",
            upload.name,
        )
    assert mask.regions is not None
    return dict(mask.regions)
