"""Pictures in and out."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from core import images
from core.errors import InvalidPicture
from core.params import PictureFormat
from tests.conftest import photo, png

MAX_PIXELS = 1_000_000


def decode(data: bytes) -> Image.Image:
    return images.decode(data, max_pixels=MAX_PIXELS)


def saved(picture: Image.Image, picture_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, picture_format, **options)
    return buffer.getvalue()


def test_a_png_comes_back_pixel_by_pixel() -> None:
    picture = photo(40, 30)
    assert np.array_equal(np.asarray(decode(png(picture))), np.asarray(picture))


@pytest.mark.parametrize("picture_format", images.ACCEPTED_FORMATS)
def test_every_accepted_format_is_read(picture_format: str) -> None:
    read = decode(saved(photo(40, 30), picture_format))
    assert (read.mode, read.size) == ("RGB", (40, 30))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_is_put_upright(orientation: int) -> None:
    picture = photo(40, 30)
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = decode(saved(picture, "PNG", exif=exif))
    turned = {
        1: lambda p: p,
        2: lambda p: np.fliplr(p),
        3: lambda p: np.rot90(p, 2),
        4: lambda p: np.flipud(p),
        5: lambda p: np.transpose(p, (1, 0, 2)),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: np.rot90(np.transpose(p, (1, 0, 2)), 2),
        8: lambda p: np.rot90(p, 1),
    }[orientation]
    assert np.array_equal(np.asarray(upright), turned(np.asarray(picture)))


def test_metadata_does_not_travel() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    assert decode(saved(photo(40, 30), "JPEG", exif=exif, comment=b"secret")).info == {}


def test_cmyk_becomes_rgb() -> None:
    read = decode(saved(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = np.asarray(read).reshape(-1, 3).mean(axis=0)
    assert red > 200
    assert max(green, blue) < 60


def test_sixteen_bit_grey_keeps_its_shades() -> None:
    shades = np.linspace(0, 65535, 64 * 32).reshape(32, 64).astype(np.uint16)
    read = np.asarray(decode(saved(Image.fromarray(shades), "PNG")))[:, :, 0]
    assert np.abs(read.astype(float) - shades / 257).max() <= 1


def test_transparent_parts_are_shown_on_white() -> None:
    picture = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    assert np.asarray(decode(png(picture))).min() == 255


def test_a_colour_profile_is_converted_to_srgb() -> None:
    lab_grey = Image.new("RGB", (32, 32), (200, 30, 30))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = np.asarray(decode(saved(lab_grey, "PNG", icc_profile=profile)))
    assert np.abs(same.astype(int) - np.asarray(lab_grey)).max() <= 1


def test_a_broken_colour_profile_is_passed_over() -> None:
    picture = photo(32, 32)
    read = decode(saved(picture, "PNG", icc_profile=b"not a profile"))
    assert np.array_equal(np.asarray(read), np.asarray(picture))


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"<svg/>", b"%PDF-1.7", b"GIF89a", saved(photo(32, 32), "BMP")]
)
def test_what_is_no_accepted_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidPicture):
        decode(data)


@pytest.mark.parametrize("picture_format", ["PNG", "JPEG", "WEBP"])
def test_a_picture_cut_off_is_refused(picture_format: str) -> None:
    data = saved(photo(64, 64), picture_format)
    with pytest.raises(InvalidPicture):
        decode(data[: len(data) * 2 // 3])


def test_too_many_pixels_are_refused_from_the_header_with_the_limit() -> None:
    bomb = saved(Image.new("1", (2000, 2000)), "PNG")
    with pytest.raises(InvalidPicture, match="2000x2000 pixels; at most 1000000"):
        decode(bomb)


def test_a_picture_with_too_short_a_side_is_refused() -> None:
    with pytest.raises(InvalidPicture, match="at least 16"):
        decode(png(photo(64, 15)))


@pytest.mark.parametrize("picture_format", PictureFormat)
def test_the_result_has_an_srgb_profile_and_no_other_metadata(
    picture_format: PictureFormat,
) -> None:
    file = images.encode(photo(40, 30), picture_format, 92)
    with Image.open(io.BytesIO(file.data)) as read:
        assert read.size == (40, 30)
        assert file.media_type == Image.MIME[str(read.format)]
        profile = ImageCms.ImageCmsProfile(io.BytesIO(read.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert not read.getexif()


def test_a_png_result_is_exact_and_a_jpeg_result_is_not_subsampled() -> None:
    picture = photo(40, 30)
    exact = decode(images.encode(picture, PictureFormat.PNG, 1).data)
    assert np.abs(np.asarray(exact).astype(int) - np.asarray(picture)).max() <= 1
    jpeg = images.encode(picture, PictureFormat.JPEG, 90).data
    with Image.open(io.BytesIO(jpeg)) as read:
        assert {sampling for *_, sampling in _sampling(read)} == {(1, 1)}


def _sampling(jpeg: Any) -> list[tuple[Any, ...]]:
    return [(component, (h, v)) for component, h, v, _ in jpeg.layer]
