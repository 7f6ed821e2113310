"""A finished picture becomes a file, with an sRGB profile and no other metadata.

Plain rounding, no dithering: the file is then the picture whose losses are
reported, the same request gives the same bytes, and PNG stays small. Banding does
not follow from it: a picture full of brush strokes has no ramps that are smooth
over 8 bits, and whoever wants to stretch the tones further has 16 bits in TIFF.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from core.params import PictureFormat
from core.pictures.icc import srgb_profile


@dataclass(frozen=True)
class Encoded:
    """A picture file."""

    data: bytes
    media_type: str


def encode(
    pixels: npt.NDArray[np.float32],
    alpha: Image.Image | None,
    picture_format: PictureFormat,
    quality: int,
) -> Encoded:
    """Write a picture file; the same arguments give the same bytes.

    Args:
        pixels: of shape (height, width, 3), RGB in [0, 1], sRGB.
        alpha: of mode ``L`` and any size; JPEG, which has none, shows the picture on white.
        picture_format: the file's format. TIFF has 16 bits per channel, the others 8.
        quality: 1 to 100, for JPEG (written 4:4:4) and WebP (100 is without loss).
    """
    if alpha is not None:
        height, width, _ = pixels.shape
        alpha = alpha.resize((width, height), Image.Resampling.LANCZOS)
    if picture_format is PictureFormat.TIFF:
        data = _tiff(pixels, alpha)
    elif picture_format is PictureFormat.JPEG:
        picture = _eight_bits(pixels if alpha is None else _on_white(pixels, alpha))
        data = _saved(picture, "JPEG", quality=quality, subsampling="4:4:4")
    else:
        picture = _eight_bits(pixels)
        if alpha is not None:
            picture.putalpha(alpha)
        webp = picture_format is PictureFormat.WEBP
        data = _webp(picture, quality) if webp else _saved(picture, "PNG")
    return Encoded(data, f"image/{picture_format.value}")


def _webp(picture: Image.Image, quality: int) -> bytes:
    if quality == 100:
        # `exact` keeps the colours of transparent pixels too. Here Pillow's quality is effort.
        return _saved(picture, "WEBP", lossless=True, exact=True, quality=75)
    # Methods above Pillow's 4 take twice as long and save nothing on stylised pictures.
    return _saved(picture, "WEBP", quality=quality)


def _tiff(pixels: npt.NDArray[np.float32], alpha: Image.Image | None) -> bytes:
    """Pillow has no colour of 16 bits; tifffile writes it, compressed without loss."""
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


def _on_white(pixels: npt.NDArray[np.float32], alpha: Image.Image) -> npt.NDArray[np.float32]:
    opacity = np.asarray(alpha, dtype=np.float32)[:, :, np.newaxis] / np.float32(255)
    shown: npt.NDArray[np.float32] = pixels * opacity + (1 - opacity)
    return shown


def _eight_bits(pixels: npt.NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.rint(pixels.clip(0, 1) * 255).astype(np.uint8))


def _saved(picture: Image.Image, picture_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=picture_format, icc_profile=srgb_profile(), **options)
    return buffer.getvalue()
