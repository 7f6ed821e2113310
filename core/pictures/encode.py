"""Encoding of results into picture files, with an sRGB profile and no other metadata.

Values are rounded without dithering, so that the file is the picture whose losses are
reported, the same request gives the same bytes, and PNG files stay small. Banding is not
visible, because stylised pictures have no ramps that are smooth over 8 bits. TIFF has 16
bits for further editing.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from core.params import PictureFormat
from core.params.choices import complete_table
from core.pictures.icc import srgb_profile

_Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoded:
    """A picture file."""

    data: bytes
    media_type: str


def encode(
    pixels: _Pixels, alpha: Image.Image | None, picture_format: PictureFormat, quality: int
) -> Encoded:
    """Encode a picture. The same arguments give the same bytes.

    Args:
        pixels: shape (height, width, 3), RGB in [0, 1], sRGB.
        alpha: mode ``L``, any size. If the format stores no transparency, the picture is
            composited on white.
        picture_format: the file format. TIFF has 16 bits per channel, the others 8.
        quality: 1 to 100, for JPEG (always 4:4:4) and WebP (100 is lossless).
    """
    if alpha is not None:
        height, width, _ = pixels.shape
        alpha = alpha.resize((width, height), Image.Resampling.LANCZOS)
        if not picture_format.has_alpha:
            pixels, alpha = _on_white(pixels, alpha), None
    data = _ENCODERS[picture_format](pixels, alpha, quality)
    return Encoded(data, picture_format.media_type)


def _png(pixels: _Pixels, alpha: Image.Image | None, _quality: int) -> bytes:
    return _save(_eight_bits(pixels, alpha), "PNG")


def _jpeg(pixels: _Pixels, _alpha: Image.Image | None, quality: int) -> bytes:
    return _save(_eight_bits(pixels, None), "JPEG", quality=quality, subsampling="4:4:4")


def _webp(pixels: _Pixels, alpha: Image.Image | None, quality: int) -> bytes:
    picture = _eight_bits(pixels, alpha)
    if quality == 100:
        # `exact` keeps the colours of transparent pixels. For lossless files, Pillow's quality
        # is the compression effort.
        return _save(picture, "WEBP", lossless=True, exact=True, quality=75)
    # Methods above Pillow's default of 4 take twice as long, and stylised pictures do not
    # become smaller.
    return _save(picture, "WEBP", quality=quality)


def _tiff(pixels: _Pixels, alpha: Image.Image | None, _quality: int) -> bytes:
    # Pillow cannot write 16-bit colours.
    levels = np.rint(pixels.clip(0, 1) * 65535).astype(np.uint16)
    if alpha is not None:
        opacity = np.asarray(alpha, dtype=np.uint16)[:, :, np.newaxis] * np.uint16(257)
        levels = np.concatenate([levels, opacity], axis=2)
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        levels,
        photometric="rgb",
        extrasamples=[] if alpha is None else ["unassalpha"],
        compression="zlib",
        predictor=True,
        iccprofile=srgb_profile(),
        metadata=None,
        software=False,
    )
    return buffer.getvalue()


#: Every encoder takes the pixels, the alpha channel in the size of the result, and the quality.
_ENCODERS: dict[PictureFormat, Callable[[_Pixels, Image.Image | None, int], bytes]] = (
    complete_table(
        PictureFormat,
        {
            PictureFormat.PNG: _png,
            PictureFormat.JPEG: _jpeg,
            PictureFormat.WEBP: _webp,
            PictureFormat.TIFF: _tiff,
        },
    )
)


def _on_white(pixels: _Pixels, alpha: Image.Image) -> _Pixels:
    opacity = np.asarray(alpha, dtype=np.float32)[:, :, np.newaxis] / np.float32(255)
    composited: _Pixels = pixels * opacity + (1 - opacity)
    return composited


def _eight_bits(pixels: _Pixels, alpha: Image.Image | None) -> Image.Image:
    picture = Image.fromarray(np.rint(pixels.clip(0, 1) * 255).astype(np.uint8))
    if alpha is not None:
        picture.putalpha(alpha)
    return picture


def _save(picture: Image.Image, picture_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=picture_format, icc_profile=srgb_profile(), **options)
    return buffer.getvalue()
