"""Picture files from strangers become upright sRGB pictures.

The format is checked against a list, the number of pixels is read from the header
before anything is decoded, and Pillow's warning about decompression bombs is an
error. Needs Pillow alone, so that the api does not load numpy.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import ExifTags, Image, UnidentifiedImageError

from core.errors import InvalidPicture
from core.params import MIN_SIDE
from core.pictures.icc import to_srgb
from core.pictures.masks import regions_of

#: The formats that uploads may have, by Pillow's names.
ACCEPTED_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF")

#: How files of these formats begin, as Pillow knows them.
_BEGINNINGS = (
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"II[*+]\0|MM\0[*+]|MM[*]\0|II\0[*]"), "image/tiff"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"....ftyp", re.DOTALL), "image/avif"),
)

#: Those of masks: JPEG and AVIF smear the borders between regions.
MASK_FORMATS = ("PNG", "WEBP", "TIFF", "GIF")

#: What Pillow's decoders raise on files that are cut off or broken inside.
_BROKEN = (
    ArithmeticError, LookupError, OSError, RuntimeError, SyntaxError, ValueError, struct.error,
)  # fmt: skip

#: What puts a picture upright, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

#: Pillow's modes of one channel with more than 8 bits.
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


@dataclass(frozen=True)
class Decoded:
    """What a picture file shows."""

    #: Of mode ``RGB``, in sRGB; what is transparent is shown on white.
    picture: Image.Image
    #: Of mode ``L``, 255 where the picture is opaque; None where it is everywhere.
    alpha: Image.Image | None


def decode(data: bytes, *, max_pixels: int) -> Decoded:
    """Read a picture file: its first frame, upright, in sRGB, without metadata.

    Args:
        data: the file.
        max_pixels: the most pixels it may have; a larger one is not decoded.

    Raises:
        InvalidPicture: the bytes are no picture, of a format that is not
            accepted, cut off, or too large or too small.
    """
    with _opened(data, ACCEPTED_FORMATS, max_pixels) as opened:
        colors, alpha = _without_alpha(opened)
        rgb = to_srgb(colors, opened.info.get("icc_profile"))
    if alpha is not None:
        # Transparent pixels hold colours that nobody has seen.
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    rgb.info.clear()
    return Decoded(rgb, alpha)


def decode_mask(data: bytes, *, max_pixels: int) -> Image.Image:
    """Read a mask: every colour of it is the label of a region.

    The stored numbers count, so neither colour profile nor transparency is applied.

    Returns:
        A picture of mode ``RGB``, upright, with few enough colours to be regions.

    Raises:
        InvalidPicture: as :func:`decode`, and when the colours are no labels.
    """
    with _opened(data, MASK_FORMATS, max_pixels) as opened:
        if opened.mode in _DEEP_GREY:
            raise InvalidPicture(
                f"has grey levels of more than 8 bits (mode {opened.mode}), which could fall "
                "together; save the mask with 8 bits per channel"
            )
        opened.info.pop("transparency", None)  # Pillow warns that it will not be applied
        mask = opened.convert("RGB")
    regions_of(mask)
    mask.info.clear()
    return mask


def sniff_media_type(data: bytes) -> str:
    """The media type of a picture file that was read before, from how it begins."""
    for beginning, media_type in _BEGINNINGS:
        if beginning.match(data):
            return media_type
    raise AssertionError("what was read before begins like none of the accepted formats")


@contextmanager
def _opened(data: bytes, formats: tuple[str, ...], max_pixels: int) -> Iterator[Image.Image]:
    """The picture as it is stored, but upright. What its bytes do wrong is said in our words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=formats) as opened:
                _check_size(opened.size, max_pixels)
                opened.load()
                if opened.mode in ("P", "PA") and opened.palette is None:
                    raise InvalidPicture("is broken: its colours are those of a palette it lacks")
                # Not ImageOps.exif_transpose, which fails where EXIF cannot be written anew.
                turn = _TURNS.get(opened.getexif().get(ExifTags.Base.Orientation, 1))
                yield opened if turn is None else opened.transpose(turn)
    except UnidentifiedImageError:
        accepted = ", ".join(formats)
        raise InvalidPicture(
            f"is not a picture that can be read ({len(data)} bytes); send one of {accepted}"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidPicture(
            f"unpacks to more than the {max_pixels} pixels allowed; send a smaller picture"
        ) from None
    except _BROKEN as error:
        raise InvalidPicture(f"is broken and cannot be read: {error}") from error


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise InvalidPicture(
            f"has {width}x{height} pixels; at most {max_pixels} pixels are allowed"
        )
    if min(size) < MIN_SIDE:
        raise InvalidPicture(
            f"has {width}x{height} pixels; each side must have at least {MIN_SIDE}"
        )


def _without_alpha(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours in 8 bits, and the alpha where something is see-through."""
    if picture.mode in _DEEP_GREY:
        colors, alpha = _eight_bits(picture), _deep_alpha(picture)
    elif picture.has_transparency_data:
        grey = picture.mode in ("1", "L", "LA", "La")
        layered = picture.convert("LA" if grey else "RGBA")
        colors, alpha = layered.convert("L" if grey else "RGB"), layered.getchannel("A")
    else:
        return picture, None
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    return colors, alpha


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Deep grey with its range scaled to 0 to 255; Pillow's own conversion clips instead."""
    white = 65535.0
    if picture.mode in ("I", "F"):
        # These do not say what white is: take the smallest customary one that holds all.
        brightest = picture.getextrema()[1]
        assert isinstance(brightest, (int, float))  # one channel
        whites = (1.0, 255.0, 65535.0) if picture.mode == "F" else (255.0, 65535.0)
        white = next((each for each in whites if brightest <= each), 2.0**32 - 1)
    return picture.convert("F").point(lambda value: value * (255 / white) + 0.5).convert("L")


def _deep_alpha(picture: Image.Image) -> Image.Image | None:
    """A PNG of 16-bit grey can name one level as transparent."""
    level = picture.info.get("transparency")
    if not isinstance(level, int):
        return None
    opacity = [255] * 65536
    opacity[level] = 0
    return picture.convert("I").point(opacity, "L")
