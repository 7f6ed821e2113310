"""Colours to sRGB, by the profile that a picture came with."""

from __future__ import annotations

import io
import struct

from PIL import Image, ImageCms

#: The modes whose colours a profile describes as they are.
_PROFILED = ("L", "RGB", "CMYK")


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in mode ``RGB`` and in sRGB.

    Args:
        picture: of any mode with 8 bits per channel and without alpha.
        profile: the ICC profile of its colours; without one they count as sRGB.
            A broken one is common and is passed over: the bare numbers are the best guess.
    """
    if picture.mode == "LAB":  # Says what its colours are, and Pillow cannot convert it bare.
        return _convert(picture, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in _PROFILED:
        picture = picture.convert("RGB")
    if profile:
        try:
            return _convert(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError):
            pass
    return picture.convert("RGB")


def srgb_profile() -> bytes:
    """The ICC profile of sRGB, the same bytes every time."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Its header has the time of its making (ICC.1:2022, 7.2.8); without that,
    # the same picture is the same bytes.
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def _convert(picture: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(
        picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted
