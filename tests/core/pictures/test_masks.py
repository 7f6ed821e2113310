"""Decoding of masks: labels are the stored colours, and do not change."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.errors import InvalidPicture
from core.pictures import decode as images
from tests.conftest import photo, png
from tests.core.pictures.files import png16
from tests.core.pictures.profiles import ADOBE_RGB, matrix_profile
from tests.core.pictures.test_decode import TURNED, Array, grey, saved

LABELS = np.random.default_rng(0).integers(0, 5, (24, 40))
COLORS = np.random.default_rng(1).integers(0, 256, (5, 3), dtype=np.uint8)
COLORED = COLORS[LABELS]


def decode(data: bytes) -> Array:
    mask = images.decode_mask(data, max_pixels=1_000_000).picture
    assert (mask.mode, mask.info) == ("RGB", {})
    return np.asarray(mask)


@pytest.mark.parametrize("picture_format", ["PNG", "TIFF", "WEBP"])
def test_labels_ignore_the_colour_profile(picture_format: str) -> None:
    options = {"lossless": True} if picture_format == "WEBP" else {}
    profile = matrix_profile(ADOBE_RGB, 2.2)
    data = saved(Image.fromarray(COLORED), picture_format, icc_profile=profile, **options)
    assert np.array_equal(decode(data), COLORED)


def test_labels_ignore_transparency() -> None:
    layered = np.dstack([COLORED, 255 * (LABELS > 2)]).astype(np.uint8)
    assert np.array_equal(decode(png(Image.fromarray(layered))), COLORED)


@pytest.mark.parametrize(
    ("picture_format", "transparency"), [("PNG", 1), ("GIF", 1), ("PNG", bytes([0, 9, 255, 90]))]
)
def test_palette_entries_become_their_colours(
    picture_format: str, transparency: int | bytes
) -> None:
    palette = Image.fromarray(LABELS.astype(np.uint8), "P")
    palette.putpalette(COLORS.tobytes())
    assert np.array_equal(
        decode(saved(palette, picture_format, transparency=transparency)), COLORED
    )


def test_adjacent_grey_levels_stay_distinct() -> None:
    assert np.array_equal(decode(png(Image.fromarray(LABELS.astype(np.uint8)))), grey(LABELS))
    assert np.array_equal(decode(png(Image.fromarray(LABELS > 2))), grey(255 * (LABELS > 2)))


def test_a_mask_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    data = saved(Image.fromarray(COLORED), "PNG", exif=exif)
    assert np.array_equal(decode(data), TURNED[8](COLORED))


def test_lossy_formats_are_refused() -> None:
    with pytest.raises(InvalidPicture, match=r"is a JPEG file.* send PNG, WebP, TIFF, GIF or BMP"):
        decode(saved(Image.fromarray(COLORED), "JPEG"))


def test_16_bit_greys_are_refused() -> None:
    with pytest.raises(InvalidPicture, match="8 bits per channel"):
        decode(png16(LABELS[..., np.newaxis]))


def test_a_photograph_is_refused() -> None:
    with pytest.raises(InvalidPicture, match="more than 16 colours"):
        decode(png(photo(40, 30)))
    shades = np.repeat(np.arange(16, dtype=np.uint8)[np.newaxis], 16, axis=0)
    assert len(np.unique(decode(png(Image.fromarray(shades))))) == 16


def test_the_regions_of_a_mask_have_their_fraction_of_the_area() -> None:
    mask = Image.new("RGB", (40, 20), "#ff0000")
    mask.paste("#0000ff", (0, 0, 10, 20))
    decoded = images.decode_mask(png(mask), max_pixels=1_000_000)
    assert dict(decoded.regions) == {(255, 0, 0): 0.75, (0, 0, 255): 0.25}
