"""The files of a job: checks of each file and of all together, and decoding."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PIL import Image

from core.errors import InvalidRequest
from core.jobs.pictures import JobPictures
from core.params import Init, StyleParams
from core.pictures.inspection import inspect
from core.pictures.uploads import Upload, Uploads
from tests.conftest import photo, png
from tests.core.pictures.test_decode import saved

PARAMS = StyleParams(size=64)

INSPECT = partial(inspect, max_pixels=1_000_000)

CONTENT, STYLE, SECOND = photo(64, 48, seed=1), photo(48, 64, seed=2), photo(30, 20, seed=3)


def mask(width: int, height: int, *colors: str) -> Image.Image:
    """A mask of vertical stripes; red and blue by default."""
    picture = Image.new("RGB", (width, height))
    for index, color in enumerate(colors or ("#ff0000", "#0000ff")):
        picture.paste(color, (index * 16, 0, width, height))
    return picture


def speck(width: int, height: int) -> Image.Image:
    """A mask with a region of 12 by 12 pixels."""
    picture = Image.new("RGB", (width, height), "#0000ff")
    picture.paste("#ff0000", (0, 0, 12, 12))
    return picture


def uploads(**files: Image.Image | bytes | list[Image.Image]) -> Uploads:
    """A content, a style and further files, encoded as PNG and named by their form field."""
    everything = {"content": CONTENT, "style": STYLE, **files}
    return Uploads.of(
        {
            field: [
                Upload(field, each if isinstance(each, bytes) else png(each))
                for each in (pictures if isinstance(pictures, list) else [pictures])
            ]
            for field, pictures in everything.items()
        }
    )


def check(files: Uploads) -> None:
    params = PARAMS.model_copy(update={"init": Init.IMAGE}) if files.init_image else PARAMS
    files.check(params, partial(inspect, max_pixels=100_000))


MASKS: dict[str, Image.Image] = {"content_mask": mask(64, 48), "style_mask": mask(48, 64)}


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"init_image": photo(33, 77)},
        MASKS,
        {"detail_map": photo(32, 24)},
        {
            "style": [STYLE, SECOND],
            "content_mask": mask(64, 48),
            "style_mask": [mask(48, 64, "#ff0000"), mask(30, 20, "#0000ff")],
        },
    ],
    ids=["content and style", "init image", "masks", "detail map", "one region per style"],
)
def test_matching_files_are_accepted(files: dict[str, Image.Image]) -> None:
    check(uploads(**files))


@pytest.mark.parametrize(
    ("files", "field", "expected"),
    [
        ({"content": []}, "content", "expected 1 file, got 0"),
        ({"style": []}, "style", "expected 1 to 5 files, got 0"),
        ({"style": [STYLE] * 6}, "style", "expected 1 to 5 files, got 6"),
        ({"init_image": [STYLE] * 2}, "init_image", "expected at most 1 file, got 2"),
        ({"content_mask": mask(64, 48)}, "style_mask", "one file for each style.* got 0 for 1"),
        ({"style_mask": mask(48, 64)}, "content_mask", "is missing.* add a content_mask, or leave"),
        ({**MASKS, "style": [STYLE, SECOND]}, "style_mask", "in the same order, got 1 for 2"),
        ({**MASKS, "style_mask": [mask(48, 64)] * 2}, "style_mask", "got 2 for 1"),
        ({**MASKS, "content_mask": mask(48, 64)}, "content_mask", "48x64 .* content .* is 64x48"),
        ({**MASKS, "style_mask": mask(48, 60)}, "style_mask", "is 48x60 .* style .* is 48x64"),
        ({**MASKS, "content_mask": photo(64, 48)}, "content_mask", "more than 16 colours"),
        ({**MASKS, "style_mask": b"hello"}, "style_mask", "is not a picture"),
        ({**MASKS, "style_mask": saved(mask(48, 64), "JPEG")}, "style_mask", "send PNG"),
        (
            {**MASKS, "style_mask": mask(48, 64, "#ff0000", "#00ff00")},
            "content_mask",
            "no style_mask has: #0000ff;.* the styles have #00ff00, #ff0000",
        ),
        (
            {**MASKS, "style_mask": mask(48, 64, "#ff0000", "#00ff00", "#0000ff")},
            "content_mask",
            "lacks .* a style_mask has: #00ff00;.* the content has #0000ff, #ff0000",
        ),
        (
            {"content_mask": speck(64, 48), "style_mask": mask(48, 64)},
            "content_mask",
            r"#ff0000, which is too small for conv5_1: it covers 4.69% .* expected at least 8.33%;",
        ),
        ({"init_image": b""}, "init_image", r"is not a picture that can be read \(0 bytes\)"),
        ({"init_image": Image.new("1", (400, 251))}, "init_image", "at most 100000"),
        ({"detail_map": photo(48, 64)}, "detail_map", "48x64 .* the content of 64x48"),
        ({"detail_map": [STYLE] * 2}, "detail_map", "expected at most 1 file, got 2"),
        ({"detail_map": b"hello"}, "detail_map", "is not a picture"),
        ({"style": [STYLE, photo(640, 20)]}, "style", "use a size of at least 512"),
        ({"content": photo(640, 20)}, "content", "use a size of at least 512"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_the_error_names_the_field_of_an_invalid_file(
    files: dict[str, Image.Image], field: str, expected: str
) -> None:
    with pytest.raises(InvalidRequest, match=expected) as refused:
        check(uploads(**files))
    assert [error.field for error in refused.value.errors] == [field]


def test_a_mask_must_have_the_size_of_the_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved(CONTENT, "PNG", exif=exif)
    check(uploads(content=turned, content_mask=mask(48, 64), style_mask=mask(48, 64)))
    with pytest.raises(InvalidRequest, match="is 64x48 pixels upright, and the content"):
        check(uploads(content=turned, **MASKS))


def test_an_error_has_the_name_of_the_upload() -> None:
    files = {"content": [Upload("cat.png", b"hello")], "style": [Upload("x.png", png(STYLE))]}
    with pytest.raises(InvalidRequest, match=r"^cat\.png: is not a picture"):
        check(Uploads.of(files))


def test_a_check_returns_what_the_memory_of_a_run_follows_from() -> None:
    params = StyleParams(size=64, style_scale=2)
    plain = uploads(content=photo(64, 48), style=[photo(32, 48), photo(48, 48)])
    assert plain.check(params, INSPECT).pictures == JobPictures(
        64 * 48, (85 * 128, 128 * 128), decoded_bytes=4 * (64 * 48 + 32 * 48 + 48 * 48)
    )
    mapped = uploads(
        content=photo(64, 48),
        style=photo(64, 48),
        content_mask=mask(128, 96, "red", "blue"),
        style_mask=mask(64, 48, "red", "blue"),
        detail_map=photo(64, 48),
    )
    decoded = 4 * 2 * 64 * 48 + 7 * (128 * 96 + 64 * 48) + 64 * 48
    assert mapped.check(StyleParams(size=64), INSPECT).pictures == JobPictures(
        64 * 48, (64 * 48,), regions=2, detail_map=True, decoded_bytes=decoded
    )


def test_load_decodes_every_file() -> None:
    content = CONTENT.copy()
    content.putalpha(128)
    styles, masks = [STYLE, SECOND], [mask(48, 64), mask(30, 20)]
    loaded = uploads(
        content=content,
        style=styles,
        init_image=photo(33, 77),
        content_mask=mask(64, 48),
        style_mask=masks,
        detail_map=photo(32, 24),
    ).load(max_pixels=100_000)
    white = np.asarray(CONTENT) * (128 / 255) + 255 * (127 / 255)
    assert np.abs(np.asarray(loaded.content) - white).max() <= 0.51
    assert loaded.alpha is not None
    assert loaded.alpha.getextrema() == (128, 128)
    assert loaded.init_image is not None
    assert loaded.content_mask is not None
    assert loaded.detail_map is not None
    pairs = [
        *zip(loaded.styles, styles, strict=True),
        *zip(loaded.style_masks, masks, strict=True),
        (loaded.init_image, photo(33, 77)),
        (loaded.content_mask, mask(64, 48)),
        (loaded.detail_map, photo(32, 24).convert("L")),
    ]
    for picture, expected in pairs:
        assert np.array_equal(np.asarray(picture), np.asarray(expected))


@pytest.mark.parametrize(
    "files", [{}, {"init_image": SECOND}, {"detail_map": CONTENT}, {"init_image": SECOND, **MASKS}]
)
def test_the_files_of_a_job_record_can_be_fetched(files: dict[str, Image.Image]) -> None:
    sent = uploads(**files)
    stored = {upload.picture.sha256: upload.data for upload in sent.files()}
    assert Uploads.fetch(sent.inputs, stored.__getitem__) == sent
    assert {picture.sha256 for picture in sent.inputs.pictures()} == set(stored)


def test_init_and_the_init_image_must_match() -> None:
    with_image, without = uploads(init_image=SECOND), uploads()
    with_image.check(StyleParams(size=64, init=Init.IMAGE), INSPECT)
    for files, init in ((with_image, Init.NOISE), (without, Init.IMAGE)):
        with pytest.raises(InvalidRequest, match=r"init_image: init is .*or neither"):
            files.check(StyleParams(size=64, init=init), INSPECT)


def test_the_blend_needs_one_weight_per_style() -> None:
    with pytest.raises(InvalidRequest, match="style_blend: has 2 weights"):
        uploads().check(StyleParams(size=64, style_blend=(1, 2)), INSPECT)


def test_a_style_is_checked_at_the_style_scale() -> None:
    thin = uploads(style=photo(300, 40))
    thin.check(StyleParams(size=64, style_scale=2), INSPECT)
    with pytest.raises(InvalidRequest, match="style: would be 64x9"):
        thin.check(StyleParams(size=64), INSPECT)
