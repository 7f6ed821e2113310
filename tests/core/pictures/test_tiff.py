"""TIFF files of every kind of pixels: read rightly, or refused by name."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from core.errors import InvalidPicture
from core.pictures.decode import decode
from tests.corpus.make import saved

Array = npt.NDArray[Any]

ROWS, COLUMNS = np.mgrid[0:48, 0:64]
#: From 0 to 1.
RAMP = COLUMNS / 63
COLORS = np.stack([COLUMNS * 4, ROWS * 5, COLUMNS + ROWS], axis=2).astype(np.uint8)


def written(*pages: Array, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, byteorder=options.pop("byteorder", "<")) as file:
        for number, page in enumerate(pages):
            file.write(page, subfiletype=number < len(pages) - 1, **options)
    return buffer.getvalue()


def read(data: bytes) -> Array:
    return np.asarray(decode(data, max_pixels=10_000).picture).astype(int)


def assert_ramp(data: bytes) -> None:
    expected = np.repeat((RAMP * 255)[:, :, np.newaxis], 3, axis=2)
    assert np.abs(read(data) - expected).max() <= 1


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i2", "i4", "f4"])
def test_greys_of_every_depth_are_scaled_to_white(kind: str, compression: str | None) -> None:
    largest = 1 if kind == "f4" else np.iinfo(kind).max
    levels = (RAMP * largest).astype(kind)
    assert_ramp(written(levels, photometric="minisblack", compression=compression))


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_white_may_be_zero(kind: str) -> None:
    largest = 1 if kind == "f4" else np.iinfo(kind).max
    assert_ramp(written(((1 - RAMP) * largest).astype(kind), photometric="miniswhite"))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_colours_are_the_same_in_every_layout(
    bits: int, byteorder: str, tile: tuple[int, int] | None
) -> None:
    levels = COLORS if bits == 8 else COLORS.astype(np.uint16) * 257
    planes = np.ascontiguousarray(np.moveaxis(levels, 2, 0))
    options = {"photometric": "rgb", "byteorder": byteorder, "tile": tile}
    for compression in (None, "zlib"):
        plain = written(levels, compression=compression, **options)
        assert np.array_equal(read(plain), COLORS)
        separate = written(planes, planarconfig="separate", compression=compression, **options)
        if bits == 16 and compression is None:
            with pytest.raises(InvalidPicture, match="has 16-bit channels in planes"):
                read(separate)
        else:
            assert np.array_equal(read(separate), COLORS)


def test_bright_highlights_do_not_darken_a_floating_point_picture() -> None:
    levels = RAMP.astype(np.float32)
    levels[0, :20] = 50
    assert (
        np.abs(read(written(levels, photometric="minisblack"))[1:, :, 0] - RAMP[1:] * 255).max()
        <= 1
    )


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_levels_that_are_not_numbers_are_refused(odd: float) -> None:
    levels = RAMP.astype(np.float32)
    levels[3, 3] = odd
    with pytest.raises(InvalidPicture, match="levels that are infinite or not a number"):
        read(written(levels, photometric="minisblack"))


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("u4", "has 3 channels of 32-bit unsigned integers"),
        ("f2", "has 3 channels of 16-bit floating-point numbers"),
        ("f4", "has 3 channels of 32-bit floating-point numbers"),
        ("f8", "has 3 channels of 64-bit floating-point numbers"),
    ],
)
def test_other_colours_are_refused_by_name(kind: str, named: str) -> None:
    with pytest.raises(InvalidPicture, match=f"{named}, .* with 8 or 16 bits per channel"):
        read(written(COLORS.astype(kind), photometric="rgb"))


def test_compressed_deep_greys_with_the_high_byte_first_are_refused_by_name() -> None:
    data = written(RAMP.astype(">f4"), byteorder=">", compression="zlib", photometric="minisblack")
    with pytest.raises(InvalidPicture, match="compressed 1 channel of 32-bit floating-point"):
        read(data)


def test_reduced_pictures_before_the_picture_are_skipped() -> None:
    assert np.array_equal(read(written(COLORS[::4, ::4], COLORS, photometric="rgb")), COLORS)


def test_raw_photographs_are_refused_by_name() -> None:
    dng = written(COLORS, photometric="rgb", extratags=[(50706, 1, 4, (1, 4, 0, 0), True)])
    thumbnail = Image.fromarray(COLORS)
    nef = saved(thumbnail, "TIFF", tiffinfo={254: 1, 330: 8})
    for data in (dng, nef):
        with pytest.raises(InvalidPicture, match="is a raw photograph of a camera"):
            read(data)
