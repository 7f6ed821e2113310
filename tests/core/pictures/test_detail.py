"""Detail maps: decoding to grey levels, and proportions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import InvalidPicture
from core.pictures.decode import decode_detail_map
from core.pictures.detail import check_proportions
from core.pictures.formats.table import INPUT_FORMATS
from tests.conftest import photo, png
from tests.core.pictures.files import png16, rng_levels
from tests.core.pictures.profiles import grey_profile
from tests.core.pictures.test_decode import ALPHA, COLORS, GREYS, TURNED, layered, saved


def levels(data: bytes) -> np.ndarray[Any, Any]:
    picture = decode_detail_map(data, max_pixels=1_000_000)
    assert (picture.mode, picture.info) == ("L", {})
    return np.asarray(picture).astype(float)


def test_grey_levels_are_the_stored_ones_whatever_the_profile() -> None:
    plain = png(Image.fromarray(GREYS))
    profiled = saved(Image.fromarray(GREYS), "PNG", icc_profile=grey_profile(1.0))
    for data in (plain, profiled, png(Image.fromarray(GREYS).convert("RGB"))):
        assert np.array_equal(levels(data), GREYS)


def test_colours_count_by_their_luma() -> None:
    expected = COLORS @ [0.299, 0.587, 0.114]
    assert np.abs(levels(png(Image.fromarray(COLORS))) - expected).max() <= 0.51


def test_16_bit_greys_are_scaled_to_8_bits() -> None:
    deep = rng_levels((24, 40, 1))
    assert np.abs(levels(png16(deep)) - deep[..., 0] / 257).max() <= 0.51


def test_transparent_parts_are_mid_grey() -> None:
    opacity = ALPHA / 255
    expected = GREYS * opacity + 128 * (1 - opacity)
    assert np.abs(levels(png(layered(GREYS, ALPHA))) - expected).max() <= 0.51
    nothing = png(layered(COLORS, np.zeros_like(ALPHA)))
    assert (levels(nothing) == 128).all()


@pytest.mark.parametrize("orientation", TURNED)
def test_a_map_is_turned_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(Image.fromarray(GREYS), "PNG", exif=exif)
    assert np.array_equal(levels(data), TURNED[orientation](GREYS))


@pytest.mark.parametrize("picture_format", [each.name for each in INPUT_FORMATS])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_every_accepted_format_can_be_a_map(picture_format: str, mode: str) -> None:
    white = Image.new("L", (40, 30), 255).convert(mode)
    if picture_format in ("WebP", "AVIF"):
        white = white.convert("RGB")
    assert (levels(saved(white, picture_format)) >= 253).all()


@pytest.mark.parametrize("mode", ["P", "CMYK", "LAB"])
def test_a_map_of_any_mode_becomes_grey(mode: str) -> None:
    picture = Image.new("LAB", (32, 32), (255, 128, 128))
    picture = picture if mode == "LAB" else Image.new("RGB", (32, 32), "white").convert(mode)
    assert (levels(saved(picture, "TIFF")) >= 253).all()


def test_a_damaged_map_is_refused() -> None:
    with pytest.raises(InvalidPicture, match="is damaged"):
        levels(png(photo(64, 64))[:900])


@pytest.mark.parametrize(
    ("size", "content"),
    [
        ((400, 300), (400, 300)),
        ((64, 48), (4000, 3000)),
        ((4000, 3000), (64, 48)),
        ((100, 75), (4000, 3003)),  # 75.075, rounded
        ((384, 257), (1023, 683)),  # 256.4, rounded up
        ((75, 100), (3003, 4000)),
    ],
)
def test_a_map_of_the_contents_proportions_is_accepted(
    size: tuple[int, int], content: tuple[int, int]
) -> None:
    check_proportions("detail_map", size, "content", content)


@pytest.mark.parametrize(
    ("size", "content"),
    [((300, 400), (400, 300)), ((400, 400), (400, 300)), ((100, 73), (4000, 3000))],
)
def test_a_map_of_other_proportions_is_refused_with_both_sizes(
    size: tuple[int, int], content: tuple[int, int]
) -> None:
    expected = (
        f"^map.png: is {size[0]}x{size[1]} pixels upright, which is not in proportion to the "
        f"cat.png of {content[0]}x{content[1]}; "
    )
    with pytest.raises(InvalidPicture, match=expected):
        check_proportions("map.png", size, "cat.png", content)
