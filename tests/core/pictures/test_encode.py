"""Encoding. The files are read back by independent code."""

from __future__ import annotations

import io
import subprocess
import sys
import tracemalloc
import zlib
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import TiffImageFile

from core.params import PictureFormat
from core.pictures import decode as images
from core.pictures.encode import Encoded, encode
from tests.conftest import photo

RNG = np.random.default_rng(0)
PIXELS = RNG.random((30, 40, 3), dtype=np.float32)
ALPHA = photo(40, 30).convert("L")

WITH_ALPHA = [each for each in PictureFormat if each.has_alpha]


def read(file: Encoded) -> Image.Image:
    with Image.open(io.BytesIO(file.data)) as opened:
        opened.load()
        assert file.media_type == Image.MIME[str(opened.format)]
        return opened


def read_tiff(data: bytes) -> npt.NDArray[np.uint16]:
    """Read 16-bit levels, using only TIFF 6.0, sections 3, 14 and 15."""
    with Image.open(io.BytesIO(data)) as opened:
        assert isinstance(opened, TiffImageFile)
        tags: dict[int, Any] = dict(opened.tag_v2)
    channels = tags[277]
    assert tags[258] == (16,) * channels
    assert (tags[259], tags[317]) == (8, 2)  # deflate, horizontal differences
    width, height, side, down = tags[256], tags[257], tags[322], tags[323]
    levels = np.empty((-(-height // down) * down, -(-width // side) * side, channels), np.uint16)
    corners = product(range(0, height, down), range(0, width, side))
    for (top, left), start, length in zip(corners, tags[324], tags[325], strict=True):
        raw = zlib.decompress(data[start : start + length])
        differences = np.frombuffer(raw, "<u2").reshape(down, side, channels)
        tile = np.cumsum(differences, axis=1, dtype=np.uint16)
        levels[top : top + down, left : left + side] = tile
    return levels[:height, :width]


@pytest.mark.parametrize("alpha", [None, ALPHA], ids=["opaque", "alpha"])
@pytest.mark.parametrize("picture_format", PictureFormat)
def test_the_file_has_an_srgb_profile_and_no_other_metadata(
    picture_format: PictureFormat, alpha: Image.Image | None
) -> None:
    picture = read(encode(PIXELS, alpha, picture_format, 92))
    assert picture.size == (40, 30)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    described = {
        270,
        271,
        272,
        305,
        306,
        315,
        316,
        33432,
        34665,
    }  # author, date, software
    assert not described & picture.getexif().keys()
    assert not {"comment", "exif", "xmp", "Software"} & picture.info.keys()


@pytest.mark.parametrize("picture_format", [PictureFormat.PNG, PictureFormat.WEBP])
def test_8_bit_levels_are_rounded_to_nearest(picture_format: PictureFormat) -> None:
    picture = read(encode(PIXELS, None, picture_format, 100))
    assert picture.mode == "RGB"
    assert np.abs(np.asarray(picture) - PIXELS.astype(float) * 255).max() <= 0.5 + 1e-4


def test_values_outside_the_range_are_clipped() -> None:
    pixels = np.full((16, 16, 3), [-0.5, 0.5, 1.5], dtype=np.float32)
    png = np.asarray(read(encode(pixels, None, PictureFormat.PNG, 92)))
    assert np.array_equal(np.unique(png.reshape(-1, 3), axis=0), [[0, 128, 255]])
    tiff = read_tiff(encode(pixels, None, PictureFormat.TIFF, 92).data)
    assert np.array_equal(np.unique(tiff.reshape(-1, 3), axis=0), [[0, 32768, 65535]])


def test_a_tiff_has_16_bits_per_channel() -> None:
    levels = read_tiff(encode(PIXELS, None, PictureFormat.TIFF, 92).data)
    assert levels.shape == PIXELS.shape
    assert np.abs(levels - PIXELS.astype(float) * 65535).max() <= 0.51
    assert len(np.unique(levels)) > 256, "the levels should not be quantised to 8 bits"


@pytest.mark.parametrize("alpha", [None, ALPHA], ids=["opaque", "alpha"])
def test_a_tiff_of_several_tiles_has_every_pixel_in_its_place(alpha: Image.Image | None) -> None:
    pixels = RNG.random((300, 600, 3), dtype=np.float32)
    levels = read_tiff(encode(pixels, alpha, PictureFormat.TIFF, 92).data)
    assert np.abs(levels[..., :3] - pixels.astype(float) * 65535).max() <= 0.51
    if alpha is not None:
        opacity = np.asarray(alpha.resize((600, 300), Image.Resampling.LANCZOS))
        assert np.array_equal(levels[..., 3], opacity * 257.0)


def test_a_tiff_beyond_32_bit_offsets_is_a_bigtiff(monkeypatch: pytest.MonkeyPatch) -> None:
    most = PIXELS.size * 2
    monkeypatch.setattr("core.pictures.encode._MAX_TIFF_BYTES", most)
    classic = encode(PIXELS, None, PictureFormat.TIFF, 92).data
    monkeypatch.setattr("core.pictures.encode._MAX_TIFF_BYTES", most - 1)
    big = encode(PIXELS, None, PictureFormat.TIFF, 92).data
    assert (classic[:4], big[:4]) == (b"II*\0", b"II+\0")
    assert np.array_equal(read_tiff(big), read_tiff(classic))
    assert np.array_equal(tifffile.imread(io.BytesIO(big)), read_tiff(classic))


@pytest.mark.parametrize("picture_format", PictureFormat)
def test_levels_are_computed_in_strips(picture_format: PictureFormat) -> None:
    pixels = np.broadcast_to(PIXELS[:1, :1], (2048, 2048, 3))  # an even picture is a short file
    alpha = Image.new("L", (2048, 2048), 200)
    encode(PIXELS, ALPHA, picture_format, 92)  # imports the encoder
    tracemalloc.start()
    try:
        encode(pixels, alpha, picture_format, 92)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < pixels.nbytes / 2


def test_strips_are_composited_like_the_whole_picture() -> None:
    pixels = RNG.random((900, 700, 3), dtype=np.float32)
    alpha = photo(700, 900).convert("L")
    opacity = np.asarray(alpha)[..., np.newaxis] / 255
    expected = 255 * (pixels * opacity + 1 - opacity)
    picture = np.asarray(read(encode(pixels, alpha, PictureFormat.JPEG, 100)))
    assert np.abs(picture - expected).mean() < 1
    assert np.abs(picture - expected).max() < 8


def test_a_dark_ramp_has_no_banding_in_a_tiff() -> None:
    ramp = np.linspace(0, 2 / 255, 300, dtype=np.float32)
    pixels = np.broadcast_to(ramp[np.newaxis, :, np.newaxis], (16, 300, 3))
    levels = read_tiff(encode(np.ascontiguousarray(pixels), None, PictureFormat.TIFF, 92).data)
    assert len(np.unique(levels)) == 300
    picture = read(encode(pixels.copy(), None, PictureFormat.PNG, 92))
    assert len(np.unique(np.asarray(picture))) == 3


@pytest.mark.parametrize("picture_format", WITH_ALPHA)
@pytest.mark.parametrize("quality", [92, 100])
def test_the_alpha_channel_is_encoded(picture_format: PictureFormat, quality: int) -> None:
    picture = read(encode(PIXELS, ALPHA, picture_format, quality))
    assert picture.mode == "RGBA"
    assert np.array_equal(np.asarray(picture)[..., 3], np.asarray(ALPHA))


def test_the_colours_of_transparent_pixels_are_kept() -> None:
    clear = Image.new("L", (40, 30), 0)
    expected = np.rint(PIXELS * 255)
    for picture_format in (PictureFormat.PNG, PictureFormat.WEBP):
        picture = np.asarray(read(encode(PIXELS, clear, picture_format, 100)))
        assert np.array_equal(picture[..., :3], expected)
    levels = read_tiff(encode(PIXELS, clear, PictureFormat.TIFF, 100).data)
    assert np.array_equal(levels[..., :3], np.rint(PIXELS * np.float32(65535)))
    assert not levels[..., 3].any()


def test_the_alpha_of_a_tiff_has_16_bits_and_is_not_premultiplied() -> None:
    data = encode(PIXELS, ALPHA, PictureFormat.TIFF, 92).data
    assert np.array_equal(read_tiff(data)[..., 3], np.asarray(ALPHA) * 257.0)
    with Image.open(io.BytesIO(data)) as opened:
        assert isinstance(opened, TiffImageFile)
        assert opened.tag_v2[338] == (2,)


@pytest.mark.parametrize("picture_format", WITH_ALPHA)
def test_the_alpha_is_resized_to_the_result(picture_format: PictureFormat) -> None:
    large = Image.new("L", (400, 300), 0)
    large.paste(255, (0, 0, 200, 300))
    alpha = read(encode(PIXELS, large, picture_format, 92)).getchannel("A")
    assert alpha.size == (40, 30)
    assert np.asarray(alpha)[:, :17].min() == 255
    assert np.asarray(alpha)[:, 23:].max() == 0


def test_a_jpeg_is_composited_on_white() -> None:
    pixels = np.full((32, 32, 3), [0.8, 0.4, 0.2], dtype=np.float32)
    for opacity in (0, 51, 255):
        alpha = Image.new("L", (32, 32), opacity)
        picture = read(encode(pixels, alpha, PictureFormat.JPEG, 100))
        share = opacity / 255
        expected = 255 * (np.array([0.8, 0.4, 0.2]) * share + 1 - share)
        assert np.abs(np.asarray(picture) - expected).max() <= 2


def test_a_jpeg_is_not_subsampled() -> None:
    picture: Any = read(encode(PIXELS, None, PictureFormat.JPEG, 90))
    assert {(across, down) for _, across, down, _ in picture.layer} == {(1, 1)}


@pytest.mark.parametrize("picture_format", [each for each in PictureFormat if each.has_quality])
def test_higher_quality_means_less_error_and_more_bytes(picture_format: PictureFormat) -> None:
    pixels = np.asarray(photo(128, 96), dtype=np.float32) / np.float32(255)
    files = [encode(pixels, None, picture_format, quality) for quality in (10, 60, 99)]
    errors = [np.abs(np.asarray(read(file)) - pixels * 255).mean() for file in files]
    assert errors == sorted(errors, reverse=True)
    sizes = [len(file.data) for file in files]
    assert sizes == sorted(sizes)


DIGESTS = """
import hashlib, time
import numpy as np
from PIL import Image
from core.pictures.encode import encode
from core.params import PictureFormat
time.sleep(1.1 - time.time() % 1)  # into another second, to detect time stamps
pixels = np.linspace(0, 1, 4800, dtype=np.float32).reshape(40, 40, 3)
alpha = Image.linear_gradient("L")
for each in PictureFormat:
    print(each.value, hashlib.sha256(encode(pixels, alpha, each, 92).data).hexdigest())
"""


def test_encoding_is_reproducible_across_processes() -> None:
    first, second = (
        subprocess.run([sys.executable, "-c", DIGESTS], check=True, capture_output=True).stdout
        for _ in range(2)
    )
    assert first == second
    assert len(first.splitlines()) == len(PictureFormat)


SIDES = st.one_of(
    st.integers(16, 300), st.sampled_from([16, 17, 19, 31, 97, 127, 251, 257, 293, 299, 300])
)


@given(
    width=SIDES, height=SIDES, picture_format=st.sampled_from(PictureFormat), seed=st.integers(0, 9)
)
@settings(max_examples=60, deadline=None)
def test_every_size_survives_encoding_and_decoding(
    width: int, height: int, picture_format: PictureFormat, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.random((height, width, 3), dtype=np.float32)
    alpha = Image.fromarray(rng.integers(0, 256, (seed + 1, 9), dtype=np.uint8))
    first = images.decode(encode(pixels, alpha, picture_format, 100).data, max_pixels=10**6)
    assert first.picture.size == (width, height)
    assert (first.alpha is not None) == picture_format.has_alpha
    shown = np.asarray(first.picture, dtype=np.float32) / np.float32(255)
    second = images.decode(encode(shown, None, picture_format, 100).data, max_pixels=10**6)
    assert second.picture.size == (width, height)
    if picture_format is not PictureFormat.JPEG:
        # For TIFF, too: the decoder keeps the high bytes, and 257 n has the high byte n.
        assert np.array_equal(np.asarray(second.picture), np.asarray(first.picture))
