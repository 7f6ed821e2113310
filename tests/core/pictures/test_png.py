"""PNG files with wrong or large metadata, which browsers show."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from core.errors import InvalidPicture
from core.pictures.decode import decode
from tests.conftest import photo, png
from tests.core.pictures.profiles import ADOBE_RGB, matrix_profile
from tests.corpus.make import chunk, saved

PLAIN = png(photo(64, 48))
PIXELS = np.asarray(photo(64, 48))
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LONG = b"a <b/> " * 300_000


def read(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(decode(data, max_pixels=10_000).picture)


def with_chunk(kind: bytes, body: bytes, *, after: bytes = b"IHDR") -> bytes:
    """Return the picture with another chunk after the header, or before the end."""
    at = 33 if after == b"IHDR" else len(PLAIN) - 12
    return PLAIN[:at] + chunk(kind, body) + PLAIN[at:]


def unchecked(data: bytes, kind: bytes) -> bytes:
    """Return the file with a wrong checksum in one chunk."""
    at = data.index(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
    return data[:end] + b"\0\0\0\1" + data[end + 4 :]


CHUNKS = {
    "profile": (b"iCCP", b"icc\0\0" + zlib.compress(PROFILE)),
    "density": (b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
    "text": (b"tEXt", b"Software\0Adobe ImageReady"),
    "XMP": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>"),
    "EXIF": (b"eXIf", b"MM\0*\0\0\0\x08" + bytes(6)),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_a_wrong_checksum_of_metadata_does_not_matter(name: str) -> None:
    kind, body = CHUNKS[name]
    assert np.array_equal(read(unchecked(with_chunk(kind, body), kind)), PIXELS)


def test_a_wrong_checksum_of_the_header_is_refused() -> None:
    with pytest.raises(InvalidPicture, match="checksum"):
        read(unchecked(PLAIN, b"IHDR"))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"zTXt", b"Comment\0\0" + zlib.compress(LONG)),
        (b"tEXt", b"Comment\0" + LONG),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + LONG),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(LONG)),
        (b"tEXt", b"Raw profile type exif\0\nexif\n      12\nzzzz\n"),
        (b"iCCP", b"icc\0\0" + zlib.compress(bytes(9_000_000))),
        (b"iCCP", b"icc\0\0nonsense"),
        (b"iCCP", b""),
        (b"eXIf", b"not a tiff at all"),
        (b"eXIf", b""),
        (b"pHYs", b"\0"),
        (b"tRNS", b"\0"),
        (b"gAMA", b""),
        (b"acTL", b"\0"),
        (b"fcTL", bytes(26)),
    ],
)
def test_wrong_and_large_metadata_is_ignored(kind: bytes, body: bytes) -> None:
    assert np.array_equal(read(with_chunk(kind, body)), PIXELS)
    assert np.array_equal(read(with_chunk(kind, body, after=b"IDAT")), PIXELS)


def test_a_profile_of_more_than_a_megabyte_is_applied() -> None:
    profile = matrix_profile(ADOBE_RGB, 2.2)
    body = b"icc\0\0" + zlib.compress(profile + bytes(2_000_000))
    expected = read(saved(photo(64, 48), "PNG", icc_profile=profile))
    assert np.abs(expected.astype(int) - PIXELS).max() > 5
    assert np.array_equal(read(with_chunk(b"iCCP", body)), expected)


def test_the_orientation_is_found_where_image_editors_write_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    packed = exif.tobytes()
    profile = f"\nexif\n{len(packed):8}\n{packed.hex()}\n".encode()
    turned = np.asarray(photo(64, 48).transpose(Image.Transpose.ROTATE_270))
    for kind, body in (
        (b"eXIf", packed[6:]),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile)),
        (b"tEXt", b"Raw profile type exif\0" + profile),
        (b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'),
    ):
        assert np.array_equal(read(with_chunk(kind, body)), turned)


def test_a_png_without_its_last_chunk_is_complete() -> None:
    assert np.array_equal(read(PLAIN[:-12]), PIXELS)
    with pytest.raises(InvalidPicture, match="truncated"):
        read(PLAIN[:-200])
