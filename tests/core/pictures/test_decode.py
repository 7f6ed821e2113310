"""Decoding, compared pixel by pixel with the same arithmetic in NumPy."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from PIL import Image

from core.errors import InvalidPicture
from core.pictures import decode as images
from core.pictures.decode import Decoded
from core.pictures.formats.table import INPUT_FORMATS
from tests.conftest import photo, png
from tests.core.pictures.files import png16, rng_levels, tiff
from tests.core.pictures.profiles import ADOBE_RGB, grey_profile, matrix_profile, srgb_levels

MAX_PIXELS = 1_000_000

FORMATS = tuple(each.name for each in INPUT_FORMATS)

Array = npt.NDArray[Any]


def decode(data: bytes) -> Decoded:
    return images.decode(data, max_pixels=MAX_PIXELS)


def pixels(data: bytes) -> Array:
    """Decode a file that must be opaque."""
    decoded = decode(data)
    assert decoded.picture.mode == "RGB"
    assert decoded.alpha is None
    return np.asarray(decoded.picture).astype(float)


def saved(picture: Image.Image, picture_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, picture_format, **options)
    return buffer.getvalue()


def grey(levels: Array) -> Array:
    return np.repeat(levels.reshape(*levels.shape[:2], 1).astype(float), 3, axis=2)


def on_white(colors: Array, alpha: Array) -> Array:
    opacity = alpha[..., np.newaxis] / 255
    return np.asarray(colors * opacity + 255 * (1 - opacity))


def assert_shows(decoded: Decoded, colors: Array, alpha: Array, levels: float = 0.51) -> None:
    """Assert that the picture is the colours composited on white, and has the alpha."""
    assert decoded.alpha is not None
    assert decoded.alpha.mode == "L"
    assert np.array_equal(np.asarray(decoded.alpha), alpha)
    shown = np.asarray(decoded.picture)
    assert np.abs(shown - on_white(colors.astype(float), alpha)).max() <= levels


COLORS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
GREYS = np.random.default_rng(1).integers(0, 256, (24, 40), dtype=np.uint8)
ALPHA = np.random.default_rng(2).integers(0, 256, (24, 40), dtype=np.uint8)


def layered(*channels: Array) -> Image.Image:
    return Image.fromarray(np.dstack(channels))


@pytest.mark.parametrize("picture_format", FORMATS)
def test_every_accepted_format_can_be_decoded(picture_format: str) -> None:
    picture = Image.new("RGB", (40, 30), (200, 100, 50))
    read = pixels(saved(picture, picture_format))
    assert read.shape == (30, 40, 3)
    assert np.abs(read - [200, 100, 50]).max() <= 3


@pytest.mark.parametrize("picture_format", ["PNG", "TIFF"])
def test_a_lossless_file_is_decoded_exactly(picture_format: str) -> None:
    assert np.array_equal(pixels(saved(Image.fromarray(COLORS), picture_format)), COLORS)


TURNED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: p.swapaxes(0, 1)[:, ::-1],
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: p.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize(
    ("picture_format", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("JPEG", {"quality": 100, "subsampling": 0}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        ("HEIC", {"quality": 100, "chroma": 444}),
    ],
    ids=["png", "webp", "tiff", "tiff by libtiff", "jpeg", "avif", "heic"],
)
def test_a_photograph_is_turned_upright(
    orientation: int, picture_format: str, options: dict[str, Any]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.asarray(photo(40, 30))
    read = pixels(saved(Image.fromarray(stored), picture_format, exif=exif.tobytes(), **options))
    assert np.abs(read - TURNED[orientation](stored)).max() <= 6 * (
        picture_format in ("JPEG", "AVIF", "HEIC")
    )


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_invalid_orientation_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(pixels(saved(Image.fromarray(COLORS), "PNG", exif=exif)), COLORS)


def test_the_alpha_is_turned_with_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode(saved(layered(COLORS, ALPHA), "PNG", exif=exif))
    assert_shows(decoded, TURNED[6](COLORS), TURNED[6](ALPHA))


def test_only_the_first_frame_is_decoded() -> None:
    frames = [Image.new("RGB", (32, 32), color) for color in ("#ff0000", "#00ff00")]
    for picture_format in ("GIF", "PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if picture_format == "WEBP" else {}
        data = saved(frames[0], picture_format, save_all=True, append_images=frames[1:], **options)
        assert np.array_equal(np.unique(pixels(data).reshape(-1, 3), axis=0), [[255, 0, 0]])


def test_metadata_is_removed() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    read = decode(saved(photo(40, 30), "JPEG", exif=exif, comment=b"secret")).picture
    assert read.info == {}
    assert not read.getexif()


def test_grey_bilevel_and_palette_pictures_become_rgb() -> None:
    bits = GREYS > 99
    palette = Image.fromarray(COLORS).quantize(7)
    colors = np.array(palette.getpalette()).reshape(-1, 3)
    assert np.array_equal(pixels(png(Image.fromarray(GREYS))), grey(GREYS))
    assert np.array_equal(pixels(png(Image.fromarray(bits))), grey(bits * 255))
    assert np.array_equal(pixels(png(palette)), colors[np.asarray(palette)])


@pytest.mark.parametrize("adobe", [True, False], ids=["inverted by Adobe", "plain"])
def test_cmyk_becomes_rgb(adobe: bool) -> None:
    inks = np.zeros((32, 32, 4), dtype=np.uint8)
    inks[:] = (0, 128, 255, 64)
    picture = Image.fromarray(inks, "CMYK")
    data = saved(picture, "JPEG", quality=100) if adobe else saved(picture, "TIFF")
    assert (b"Adobe" in data) == adobe
    expected = (1 - np.array([0, 128, 255]) / 255) * (1 - 64 / 255) * 255
    assert np.abs(pixels(data) - expected).max() <= 2


def test_transparent_colours_are_composited_on_white_and_the_alpha_is_kept() -> None:
    assert_shows(decode(png(layered(COLORS, ALPHA))), COLORS, ALPHA)
    assert_shows(decode(saved(layered(COLORS, ALPHA), "TIFF")), COLORS, ALPHA)
    webp = saved(layered(COLORS, ALPHA), "WEBP", lossless=True, exact=True)
    assert_shows(decode(webp), COLORS, ALPHA)


def test_transparent_greys_are_composited_on_white_and_the_alpha_is_kept() -> None:
    assert_shows(decode(png(layered(GREYS, ALPHA))), grey(GREYS), ALPHA)


def test_the_alpha_of_palette_entries_is_kept() -> None:
    palette = Image.fromarray(COLORS).quantize(5)
    opacities = np.array([255, 0, 128, 7, 255], dtype=np.uint8)
    entries = np.asarray(palette)
    colors = np.array(palette.getpalette()).reshape(-1, 3)
    data = saved(palette, "PNG", transparency=opacities.tobytes())
    assert_shows(decode(data), colors[entries], opacities[entries])


@pytest.mark.parametrize("picture_format", ["PNG", "GIF"])
def test_a_transparent_palette_entry_becomes_alpha(picture_format: str) -> None:
    palette = Image.fromarray(COLORS).quantize(5)
    entries = np.asarray(palette)
    colors = np.array(palette.getpalette()).reshape(-1, 3)
    alpha = np.where(entries == 2, 0, 255)
    assert_shows(decode(saved(palette, picture_format, transparency=2)), colors[entries], alpha)


def test_a_transparent_colour_becomes_alpha() -> None:
    key = COLORS[3, 5]
    alpha = np.where((key == COLORS).all(axis=2), 0, 255)
    data = saved(Image.fromarray(COLORS), "PNG", transparency=tuple(map(int, key)))
    assert_shows(decode(data), COLORS, alpha)
    level = int(GREYS[0, 0])
    data = saved(Image.fromarray(GREYS), "PNG", transparency=level)
    assert_shows(decode(data), grey(GREYS), np.where(level == GREYS, 0, 255))


def test_an_opaque_alpha_channel_is_dropped() -> None:
    opaque = np.full_like(ALPHA, 255)
    assert np.array_equal(pixels(png(layered(COLORS, opaque))), COLORS)


def test_a_completely_transparent_picture_is_white() -> None:
    decoded = decode(png(layered(COLORS, np.zeros_like(ALPHA))))
    assert_shows(decoded, np.full_like(COLORS, 255), np.zeros_like(ALPHA))


def test_16_bit_greys_are_scaled_and_rounded() -> None:
    levels = rng_levels((24, 40, 1))
    expected = np.floor(grey(levels) / 257 + 0.5)
    assert np.array_equal(pixels(png16(levels)), expected)
    assert np.array_equal(pixels(tiff(levels)), expected)
    dark = levels // 300  # below 256: dark 16-bit levels, not 8-bit levels
    assert pixels(png16(dark)).max() <= 1


def test_a_transparent_level_of_16_bit_grey_becomes_alpha() -> None:
    levels = rng_levels((24, 40, 1))
    level = int(levels[2, 2, 0])
    alpha = np.where(levels[..., 0] == level, 0, 255)
    assert_shows(decode(png16(levels, (level,))), grey(levels) / 257, alpha, levels=1)


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colours_keep_their_high_bytes(channels: int) -> None:
    levels = rng_levels((24, 40, channels))
    if channels == 3:
        assert np.array_equal(pixels(png16(levels)), levels >> 8)
        assert np.array_equal(pixels(tiff(levels)), levels >> 8)
    else:
        assert_shows(decode(png16(levels)), levels[..., :3] >> 8, levels[..., 3] >> 8)


def test_16_bit_grey_with_alpha_keeps_its_high_bytes() -> None:
    levels = rng_levels((24, 40, 2))
    assert_shows(decode(png16(levels)), grey(levels[..., 0] >> 8), levels[..., 1] >> 8)


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_floating_point_greys_are_scaled_by_the_next_usual_white(white: float) -> None:
    values = np.random.default_rng(0).uniform(0, white, (24, 40, 1)).astype("<f4")
    expected = grey(values) / white * 255
    assert np.abs(pixels(tiff(values, sample_format=3)) - expected).max() <= 0.51


def test_transparent_colours_are_converted_before_they_are_composited() -> None:
    profile = matrix_profile(ADOBE_RGB, 2.2)
    converted = srgb_levels((COLORS / 255) ** (563 / 256) @ ADOBE_RGB.T)
    decoded = decode(saved(layered(COLORS, ALPHA), "PNG", icc_profile=profile))
    assert_shows(decoded, converted, ALPHA, levels=1.6)


def test_palettes_and_greys_with_alpha_are_converted_by_the_profile() -> None:
    palette = Image.fromarray(COLORS).quantize(9)
    colors = np.array(palette.getpalette()).reshape(-1, 3)[np.asarray(palette)]
    converted = srgb_levels((colors / 255) ** (563 / 256) @ ADOBE_RGB.T)
    data = saved(palette, "PNG", icc_profile=matrix_profile(ADOBE_RGB, 2.2))
    assert np.abs(pixels(data) - converted).max() <= 1.1
    data = saved(layered(GREYS, ALPHA), "PNG", icc_profile=grey_profile(1.0))
    assert decode(data).alpha is not None
    lighter = np.asarray(decode(data).picture).mean() - on_white(grey(GREYS), ALPHA).mean()
    assert lighter > 10, "linear greys are lighter in sRGB"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "CMYK"])
def test_a_broken_colour_profile_is_ignored(mode: str) -> None:
    picture = photo(32, 24).convert(mode)
    plain, broken = (
        decode(saved(picture, "TIFF", **options))
        for options in ({}, {"icc_profile": b"not a profile"})
    )
    assert np.array_equal(np.asarray(plain.picture), np.asarray(broken.picture))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", r"not a picture that can be read \(0 bytes\)"),
        (b"hello", r"not a picture that can be read \(5 bytes\)"),
        (b"\xff\x0a\0\0", "a JPEG XL picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (saved(photo(32, 32), "JPEG2000"), "a JPEG 2000 picture"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a raw photograph of a camera"),
        (b'<?xml version="1.0"?><svg xmlns="">', "an SVG drawing"),
        (b"\n<!DOCTYPE html><title>404</title>", "a web page"),
        (b"%PDF-1.7", "a PDF document"),
    ],
)
def test_files_in_other_formats_are_refused_by_name(data: bytes, named: str) -> None:
    expected = f"is {named}.*; send JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF or BMP$"
    with pytest.raises(InvalidPicture, match=expected):
        decode(data)


def test_a_jpeg_with_a_second_picture_shows_the_first() -> None:
    first, second = photo(64, 48, seed=1), photo(32, 24, seed=2)
    both = saved(first, "MPO", save_all=True, append_images=[second])
    alone = pixels(both[: both.rindex(b"\xff\xd8\xff")])
    assert np.abs(alone - np.asarray(first)).mean() < 20
    assert np.array_equal(pixels(both), alone)
    assert np.array_equal(pixels(both[:-500]), alone)
    index = both.index(b"MPF\0") + 4
    assert np.array_equal(pixels(both[:index] + b"\xee" * 40 + both[index + 40 :]), alone)


def test_a_heic_may_have_only_the_general_brand() -> None:
    data = saved(photo(64, 48), "HEIC")
    assert data[8:12] == b"heic"
    assert pixels(data.replace(b"heic", b"mif1")).shape == (48, 64, 3)


@pytest.mark.parametrize("picture_format", ["PNG", "JPEG", "WEBP", "AVIF", "HEIC"])
def test_a_truncated_picture_is_refused(picture_format: str) -> None:
    data = saved(photo(64, 64), picture_format)
    with pytest.raises(InvalidPicture):
        decode(data[: len(data) * 2 // 3])


def cut_off(data: bytes, kept: float) -> bytes:
    """Return a JPEG without the end of its last scan; ``kept`` is the part that is kept."""
    start = data.rindex(b"\xff\xda")
    return data[: start + int((len(data) - start) * kept)]


NOISE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (320, 240, 3), dtype=np.uint8))


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_without_its_last_bytes_is_decoded_with_a_warning(
    mode: str, options: dict[str, int]
) -> None:
    whole = saved(NOISE.convert(mode), "JPEG", quality=90, **options)
    nearly = decode(cut_off(whole, 0.97))
    matched = re.search(r"the last (.*)% of the picture is missing", " ".join(nearly.warnings))
    assert matched is not None
    assert 2.5 <= float(matched[1]) <= 3.6
    kept = (np.asarray(nearly.picture) == np.asarray(decode(whole).picture)).all(axis=(1, 2))
    assert kept[: 320 - 16 * 2].all()
    with pytest.raises(InvalidPicture, match="truncated"):
        decode(cut_off(whole, 0.93))


def test_a_jpeg_without_its_end_marker_is_decoded_exactly() -> None:
    whole = saved(photo(240, 320), "JPEG")
    ended = decode(whole[:-2])
    assert ended.warnings == ("the file is cut off; less than 0.1% of the picture is missing",)
    assert np.array_equal(np.asarray(ended.picture), pixels(whole))
    assert decode(whole).warnings == decode(whole + b"\0\0").warnings == ()


def test_a_progressive_jpeg_needs_all_but_its_last_bits() -> None:
    whole = saved(photo(240, 320), "JPEG", progressive=True)
    exact = pixels(whole)
    nearly = decode(cut_off(whole, 0.1))
    assert nearly.warnings == (
        "the file is cut off; the finest detail of the picture may be missing",
    )
    assert np.abs(np.asarray(nearly.picture) - exact).mean() < 6
    starts = [found.start() for found in re.finditer(rb"\xff\xda", whole)]
    assert len(starts) > 6, "the default script of libjpeg"
    for start in starts[:5]:
        with pytest.raises(InvalidPicture, match="truncated"):
            decode(whole[: start + 20])


@pytest.mark.filterwarnings("ignore::UserWarning")  # about files that Pillow decodes nevertheless
def test_damaged_files_are_decoded_or_refused() -> None:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    for picture_format in FORMATS:
        whole = saved(photo(32, 24), picture_format, exif=exif)
        for _ in range(100):
            data = bytearray(whole)
            for place in rng.integers(0, min(len(data), 400), 4):
                data[place] = rng.integers(0, 256)
            with contextlib.suppress(InvalidPicture):
                decode(bytes(data))


@pytest.mark.parametrize(("transfer", "name"), [(1, ""), (16, "PQ"), (18, "HLG")])
def test_a_heic_of_ten_bits_is_scaled_and_hdr_is_reported(transfer: int, name: str) -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    levels = np.broadcast_to(ramp[:, np.newaxis], (48, 64, 3)).copy()
    buffer = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (64, 48), levels.tobytes()).save(
        buffer, quality=-1, chroma=444, transfer_characteristics=transfer
    )
    read = decode(buffer.getvalue())
    assert np.abs(np.asarray(read.picture) - levels / 257).max() <= 2
    expected = f"the picture is HDR ({name}), and is not tone-mapped; it may look pale"
    assert read.warnings == ((expected,) if name else ())


def test_too_many_pixels_are_refused_with_the_limit() -> None:
    bomb = saved(Image.new("1", (2000, 2000)), "PNG")
    with pytest.raises(InvalidPicture, match="2000x2000 pixels; at most 1000000"):
        decode(bomb)


@pytest.mark.parametrize(
    ("size", "decoded_size"),
    [((999, 1001), (999, 1001)), ((1001, 1001), (501, 501)), ((2001, 2000), (501, 500)),
     ((4100, 4100), (513, 513))],
)  # fmt: skip
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_larger_jpeg_is_decoded_at_a_reduced_scale(
    size: tuple[int, int], decoded_size: tuple[int, int], options: dict[str, Any]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = photo(160, 120).resize(size, Image.Resampling.BICUBIC)
    read = decode(saved(whole, "JPEG", exif=exif, quality=95, **options)).picture
    assert read.size == decoded_size[::-1]
    expected = whole.transpose(Image.Transpose.ROTATE_270).resize(read.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(read).astype(int) - np.asarray(expected)).mean() < 3


def test_a_jpeg_that_is_too_large_at_an_eighth_is_refused() -> None:
    data = saved(Image.new("L", (2000, 2000)), "JPEG")
    with pytest.raises(InvalidPicture, match="has 250x250 pixels; at most 62000"):
        images.decode(data, max_pixels=62_000)


def test_a_picture_may_have_more_pixels_than_pillow_allows_by_default() -> None:
    data = saved(Image.new("1", (9500, 9500)), "PNG")
    assert images.decode(data, max_pixels=91_000_000).picture.size == (9500, 9500)


def test_a_picture_with_a_short_side_is_refused() -> None:
    with pytest.raises(InvalidPicture, match="at least 16"):
        decode(png(photo(64, 15)))
