"""Pictures in and out: bytes to an upright sRGB picture, and back to bytes.

Uploads come from strangers. The format is checked against a list, the number of
pixels is read from the header before anything is decoded, and Pillow's warning
about decompression bombs is an error.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from core.errors import InvalidPicture
from core.params import MIN_SIDE, PictureFormat

#: The formats that uploads may have, by Pillow's names.
ACCEPTED_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF")

_MEDIA_TYPES = {
    PictureFormat.PNG: "image/png",
    PictureFormat.JPEG: "image/jpeg",
    PictureFormat.WEBP: "image/webp",
    PictureFormat.TIFF: "image/tiff",
}


@dataclass(frozen=True)
class Encoded:
    """A picture file."""

    data: bytes
    media_type: str


def decode(data: bytes, *, max_pixels: int) -> Image.Image:
    """Read a picture file: its first frame, upright, in sRGB, without metadata.

    Args:
        data: the file.
        max_pixels: the most pixels it may have; a larger one is not decoded.

    Returns:
        A picture of mode ``RGB``.

    Raises:
        InvalidPicture: the bytes are no picture, of a format that is not
            accepted, cut off, or too large or too small.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=ACCEPTED_FORMATS) as opened:
                _check_size(opened.size, max_pixels)
                opened.load()
                return _upright_srgb(opened)
    except UnidentifiedImageError:
        accepted = ", ".join(ACCEPTED_FORMATS)
        raise InvalidPicture(
            f"is not a picture that can be read ({len(data)} bytes); send one of {accepted}"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidPicture(
            f"unpacks to more than the {max_pixels} pixels allowed; send a smaller picture"
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        # What Pillow's decoders raise on files that are cut off or broken inside.
        raise InvalidPicture(f"is broken and cannot be read: {error}") from error


def sniff_media_type(data: bytes) -> str:
    """The media type of a picture file that :func:`decode` has read."""
    with Image.open(io.BytesIO(data), formats=ACCEPTED_FORMATS) as opened:
        assert opened.format is not None
        return Image.MIME[opened.format]


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


def _upright_srgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    upright = ImageOps.exif_transpose(picture)
    converted = _to_srgb(upright, profile) if profile else None
    rgb = converted or _to_rgb(upright)
    rgb.info.clear()
    return rgb


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert by the embedded profile; None where the profile is of no use."""
    if picture.mode not in ("RGB", "CMYK", "L"):
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return None  # A broken profile is common; the bare numbers are the best guess.


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling.
        picture = picture.convert("I").point(lambda value: value / 257).convert("L")
    if picture.has_transparency_data:
        # Transparent pixels hold colours nobody has seen; show them on white.
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def encode(picture: Image.Image, picture_format: PictureFormat, quality: int) -> Encoded:
    """Write a picture file with an sRGB profile and no other metadata.

    Args:
        picture: of mode ``RGB``.
        picture_format: the file's format.
        quality: 1 to 100, for JPEG (written 4:4:4) and WebP.
    """
    options: dict[str, object] = {}
    if picture_format is PictureFormat.JPEG:
        options = {"quality": quality, "subsampling": "4:4:4"}
    elif picture_format is PictureFormat.WEBP:
        options = {"quality": quality}
    buffer = io.BytesIO()
    picture.save(buffer, format=picture_format.value, icc_profile=_srgb_profile(), **options)
    return Encoded(buffer.getvalue(), _MEDIA_TYPES[picture_format])


def _srgb_profile() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Its header has the time of its making (ICC.1:2022, 7.2.8); without that,
    # the same picture is the same bytes.
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)
