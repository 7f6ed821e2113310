"""Decoding of untrusted picture files into upright sRGB pictures.

Only the formats of a list are accepted, the number of pixels is read from the header
before anything is decoded, and Pillow's decompression bomb warning is an error.
This module needs only Pillow, so that the API process does not import NumPy.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

from core.errors import InvalidPicture
from core.params import MIN_SIDE
from core.pictures import greys
from core.pictures.detail import NEUTRAL
from core.pictures.formats.table import INPUT_FORMATS, InputFormat, format_of, hdr_warning, refusal
from core.pictures.icc import to_srgb
from core.pictures.masks import Regions, regions_of

_MASK_FORMATS = tuple(each for each in INPUT_FORMATS if each.for_masks)

#: The exceptions that Pillow's decoders raise for truncated and damaged files.
_DAMAGED = (
    ArithmeticError, EOFError, LookupError, OSError, RuntimeError, SyntaxError, ValueError,
    struct.error,
)  # fmt: skip

#: The transposition that makes a picture upright, by EXIF orientation.
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Decoded:
    """A decoded picture."""

    #: Mode ``RGB``, in sRGB. Transparent parts are composited on white.
    picture: Image.Image
    #: Mode ``L``, 255 where the picture is opaque; None if it is opaque everywhere.
    alpha: Image.Image | None
    #: Sentences about what is missing or was changed, without the name of the file.
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class DecodedMask:
    """A decoded mask and its regions."""

    #: Mode ``RGB``.
    picture: Image.Image
    regions: Regions


def decode(data: bytes, *, max_pixels: int) -> Decoded:
    """Decode a picture file: its first frame, upright, in sRGB, without metadata.

    Args:
        data: the file.
        max_pixels: the most pixels to decode. A larger JPEG is decoded at a half, a quarter or an
            eighth of its scale. Larger pictures in other formats are refused.

    Raises:
        InvalidPicture: the file is not in an accepted format, is truncated or damaged, or the
            picture is too large or too small.
    """
    with _open(data, INPUT_FORMATS, max_pixels) as (opened, notes):
        colors, alpha = _split_alpha(opened)
        rgb = to_srgb(colors, opened.info.get("icc_profile"))
    if alpha is not None:
        # The colours of transparent pixels are arbitrary.
        white = Image.new("RGB", rgb.size, "white")
        white.paste(rgb, mask=alpha)
        rgb = white
    rgb.info = {}
    return Decoded(rgb, alpha, notes)


def decode_mask(data: bytes, *, max_pixels: int) -> DecodedMask:
    """Decode a mask, in which every colour is the label of a region.

    Labels are the stored values: neither the colour profile nor transparency is applied.

    Raises:
        InvalidPicture: as :func:`decode`, or the mask has too many colours.
    """
    with _open(data, _MASK_FORMATS, max_pixels) as (opened, _):
        if opened.mode in greys.DEEP_GREYS:
            raise InvalidPicture(
                f"has grey levels of more than 8 bits (mode {opened.mode}), which are not "
                "distinct in 8 bits; save the mask with 8 bits per channel"
            )
        opened.info.pop("transparency", None)  # Pillow warns that it will not be applied
        mask = opened.convert("RGB")
    mask.info.clear()
    return DecodedMask(mask, regions_of(mask))


def decode_detail_map(data: bytes, *, max_pixels: int) -> Image.Image:
    """Decode a detail map: its first frame, upright, in mode ``L``.

    Levels are the stored values: no colour profile is applied. Colours count by their luma.
    Transparent parts are mid-grey, at which the map changes nothing.

    Raises:
        InvalidPicture: as :func:`decode`.
    """
    with _open(data, INPUT_FORMATS, max_pixels) as (opened, _):
        colors, alpha = _split_alpha(opened)
        grey = to_srgb(colors, None).convert("L")
    if alpha is not None:
        grey = Image.composite(grey, Image.new("L", grey.size, NEUTRAL), alpha)
    grey.info.clear()
    return grey


@contextmanager
def _open(
    data: bytes, accepted: tuple[InputFormat, ...], max_pixels: int
) -> Iterator[tuple[Image.Image, tuple[str, ...]]]:
    """Yield the stored picture, upright, and warnings about it.

    Errors of the decoder, also within the block, become InvalidPicture.
    """
    file_format = format_of(data)
    if file_format is None or file_format not in accepted:
        raise InvalidPicture(refusal(data, accepted))
    # Pillow has a limit of its own, of 89 million pixels.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, max_pixels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture, notes = _load(data, file_format, max_pixels)
            with picture:
                if picture.mode in ("P", "PA") and picture.palette is None:
                    raise InvalidPicture("is damaged: it has palette colours, but no palette")
                transposition = _TRANSPOSITIONS.get(_orientation(picture))
                upright = picture if transposition is None else picture.transpose(transposition)
                yield upright, (*notes, *hdr_warning(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidPicture(
            f"decompresses to more than the {max_pixels} pixels allowed; send a smaller picture"
        ) from None
    except _DAMAGED as error:
        raise InvalidPicture(f"is damaged and cannot be read: {error}") from error


def _load(
    data: bytes, file_format: InputFormat, max_pixels: int
) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode a file, completed if it is cut off, and return warnings about what is missing."""
    try:
        return _decoded(data, file_format, max_pixels), ()
    except OSError as error:
        # Pillow has no class of its own for the error of a cut-off file.
        completed = file_format.complete(data) if "truncated" in str(error) else None
        if completed is None:
            raise
    whole, note = completed
    return _decoded(whole, file_format, max_pixels), (note,)


def _orientation(picture: Image.Image) -> Any:
    """Return the EXIF orientation. ``ImageOps.exif_transpose`` fails for damaged EXIF data."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation)
    except _DAMAGED:
        return None


def _decoded(data: bytes, file_format: InputFormat, max_pixels: int) -> Image.Image:
    opened = file_format.open(data, max_pixels)
    _check_size(opened.size, max_pixels)
    opened.load()
    return opened


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise InvalidPicture(
            f"has {width}x{height} pixels; at most {max_pixels} pixels are allowed; reduce it, or "
            "send a JPEG, which may be larger"
        )
    if min(size) < MIN_SIDE:
        raise InvalidPicture(
            f"has {width}x{height} pixels; each side must have at least {MIN_SIDE}"
        )


def _split_alpha(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colours in 8 bits, and the alpha channel unless it is opaque everywhere."""
    if picture.mode in greys.DEEP_GREYS:
        colors, alpha = greys.to_eight_bits(picture), greys.alpha_of(picture)
    elif picture.has_transparency_data:
        grey = picture.mode in ("1", "L", "LA", "La")
        mode = "LA" if grey else "RGBA"
        layered = picture if picture.mode == mode else picture.convert(mode)
        colors, alpha = layered.convert("L" if grey else "RGB"), layered.getchannel("A")
    else:
        return picture, None
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    return colors, alpha
