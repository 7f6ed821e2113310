"""Conversion of colours to sRGB by ICC profiles."""

from __future__ import annotations

import io
import struct

from PIL import Image, ImageCms

#: The modes whose values an embedded profile describes directly.
_PROFILED_MODES = ("L", "RGB", "CMYK")


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert a picture to mode ``RGB`` in sRGB.

    Args:
        picture: any mode with 8 bits per channel and without alpha.
        profile: the embedded ICC profile. Without a profile, the colours are taken as sRGB. So
            they are if the profile is broken, which is common.
    """
    if picture.mode == "LAB":  # LAB needs no embedded profile; Pillow's convert() refuses it.
        return _convert(picture, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in _PROFILED_MODES:
        picture = picture.convert("RGB")
    if profile:
        try:
            return _convert(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError):
            pass
    return picture.convert("RGB")


def srgb_profile() -> bytes:
    """Return the ICC profile of sRGB, always the same bytes."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # The header has the creation time (ICC.1:2022, 7.2.8). A fixed one makes files reproducible.
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def _convert(picture: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(
        picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted
