"""Encoding of results into picture files, with an sRGB profile and the metadata given.

Values are rounded without dithering, so that the file is the picture whose losses are
reported, the same request gives the same bytes, and PNG files stay small. Banding is not
visible, because stylised pictures have no ramps that are smooth over 8 bits. TIFF has 16
bits for further editing.

A large picture fills most of the memory of a worker, so its levels are computed in strips:
beside the picture itself, there is one copy of it in 8 bits, or one row of tiles, and the file.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.jobs.job import Picture
from core.params import PictureFormat
from core.params.choices import complete_table
from core.pictures.icc import srgb_profile

_Pixels = npt.NDArray[np.float32]

#: The pixels whose levels are computed at a time.
_STRIP_PIXELS = 2**18

#: The side of a tile of a TIFF, in pixels. Programs read the tiles that they show.
_TILE = 256

#: The bytes of levels that a TIFF may have. Larger ones are BigTIFFs: offsets in TIFF 6.0 have 32
#: bits, which many programs read as signed.
_MAX_TIFF_BYTES = 2**31 - 2**20

#: The tag of a TIFF that has an XMP packet.
_XMP_TAG = 700


@dataclass(frozen=True)
class Encoded:
    """A picture file."""

    data: bytes
    media_type: str

    @cached_property
    def picture(self) -> Picture:
        """The description of the file in the job record. The file is hashed on first use only."""
        return Picture(
            sha256=hashlib.sha256(self.data).hexdigest(),
            media_type=self.media_type,
            size_bytes=len(self.data),
        )


def encode(
    pixels: _Pixels,
    alpha: Image.Image | None,
    picture_format: PictureFormat,
    quality: int,
    xmp: bytes | None = None,
) -> Encoded:
    """Encode a picture. The same arguments give the same bytes.

    Args:
        pixels: shape (height, width, 3), RGB in [0, 1], sRGB.
        alpha: mode ``L``, any size. If the format stores no transparency, the picture is
            composited on white.
        picture_format: the file format. TIFF has 16 bits per channel, the others 8. Each side of
            the picture has at most ``picture_format.max_side`` pixels.
        quality: 1 to 100, for JPEG (always 4:4:4) and WebP (100 is lossless).
        xmp: an XMP packet in UTF-8, for a JPEG of at most 65,502 bytes.
    """
    data = _ENCODERS[picture_format](pixels, _fitted(alpha, pixels), quality, xmp)
    return Encoded(data, picture_format.media_type)


def eight_bits(pixels: _Pixels, alpha: Image.Image | None) -> Image.Image:
    """Return a picture in 8 bits, with an alpha channel of any size; see :func:`encode`."""
    picture = _eight_bits(pixels, _fitted(alpha, pixels))
    picture.info["icc_profile"] = srgb_profile()
    return picture


def _fitted(alpha: Image.Image | None, pixels: _Pixels) -> Image.Image | None:
    height, width, _ = pixels.shape
    return alpha and alpha.resize((width, height), Image.Resampling.LANCZOS)


def _png(pixels: _Pixels, alpha: Image.Image | None, _quality: int, xmp: bytes | None) -> bytes:
    texts = PngInfo()
    if xmp is not None:
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
    return _save(_eight_bits(pixels, alpha), "PNG", pnginfo=texts)


def _jpeg(pixels: _Pixels, alpha: Image.Image | None, quality: int, xmp: bytes | None) -> bytes:
    picture = _eight_bits(pixels, None, on_white=alpha)
    return _save(picture, "JPEG", quality=quality, subsampling="4:4:4", xmp=xmp)


def _webp(pixels: _Pixels, alpha: Image.Image | None, quality: int, xmp: bytes | None) -> bytes:
    picture = _eight_bits(pixels, alpha)
    metadata = {} if xmp is None else {"xmp": xmp}
    if quality == 100:
        # `exact` keeps the colours of transparent pixels. For lossless files, Pillow's quality
        # is the compression effort.
        return _save(picture, "WEBP", lossless=True, exact=True, quality=75, **metadata)
    # Methods above Pillow's default of 4 take twice as long, and stylised pictures do not
    # become smaller.
    return _save(picture, "WEBP", quality=quality, **metadata)


def _tiff(pixels: _Pixels, alpha: Image.Image | None, _quality: int, xmp: bytes | None) -> bytes:
    # Pillow cannot write 16-bit colours.
    height, width, colors = pixels.shape
    shape = (height, width, colors + (alpha is not None))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        _tiles(pixels, alpha),
        shape=shape,
        dtype=np.uint16,
        tile=(_TILE, _TILE),
        bigtiff=2 * math.prod(shape) > _MAX_TIFF_BYTES,
        photometric="rgb",
        extrasamples=[] if alpha is None else ["unassalpha"],
        compression="zlib",
        predictor=True,
        iccprofile=srgb_profile(),
        metadata=None,
        software=False,
        extratags=[] if xmp is None else [(_XMP_TAG, "B", len(xmp), xmp, True)],
    )
    return buffer.getvalue()


def _tiles(pixels: _Pixels, alpha: Image.Image | None) -> Iterator[npt.NDArray[np.uint16]]:
    """Yield tiles of 16-bit levels, row by row. Those at the right and the bottom are smaller."""
    height, width, _ = pixels.shape
    for top in range(0, height, _TILE):
        levels = np.rint(pixels[top : top + _TILE].clip(0, 1) * 65535).astype(np.uint16)
        if alpha is not None:
            opacity = _rows(alpha, top, _TILE).astype(np.uint16) * np.uint16(257)
            levels = np.concatenate([levels, opacity], axis=2)
        for left in range(0, width, _TILE):
            yield levels[:, left : left + _TILE]


#: Takes the pixels, the alpha channel in the size of the result, the quality, and the XMP packet.
_Encoder = Callable[[_Pixels, Image.Image | None, int, bytes | None], bytes]
_ENCODERS: dict[PictureFormat, _Encoder] = complete_table(
    PictureFormat,
    {
        PictureFormat.PNG: _png,
        PictureFormat.JPEG: _jpeg,
        PictureFormat.WEBP: _webp,
        PictureFormat.TIFF: _tiff,
    },
)


def _eight_bits(
    pixels: _Pixels, alpha: Image.Image | None, on_white: Image.Image | None = None
) -> Image.Image:
    """Return the picture in 8 bits.

    Args:
        pixels: as in :func:`encode`.
        alpha: its alpha channel, in its size.
        on_white: the opacity of the picture on white, in its size, instead of an alpha channel.
    """
    height, width, _ = pixels.shape
    picture = Image.new("RGB", (width, height))
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = pixels[top : top + rows]
        if on_white is not None:
            opacity = _rows(on_white, top, rows).astype(np.float32) / np.float32(255)
            strip = strip * opacity + (1 - opacity)
        levels = np.rint(strip.clip(0, 1) * 255).astype(np.uint8)
        picture.paste(Image.fromarray(levels), (0, top))
    if alpha is not None:
        picture.putalpha(alpha)
    return picture


def _rows(alpha: Image.Image, top: int, rows: int) -> npt.NDArray[np.uint8]:
    """Return rows of an alpha channel, of shape (rows, width, 1); fewer at the bottom."""
    bottom = min(top + rows, alpha.height)
    return np.asarray(alpha.crop((0, top, alpha.width, bottom)))[:, :, np.newaxis]


def _save(picture: Image.Image, picture_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=picture_format, icc_profile=srgb_profile(), **options)
    return buffer.getvalue()
