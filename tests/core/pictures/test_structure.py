"""What is easily forgotten with a new picture format, and the tables that reveal it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from core.params import PictureFormat
from core.pictures.decode import decode
from core.pictures.encode import encode
from core.pictures.formats.table import INPUT_FORMATS, InputFormat, sniff_media_type

PIXELS = np.full((32, 32, 3), 0.5, dtype=np.float32)


@pytest.mark.parametrize("picture_format", PictureFormat)
def test_every_result_format_has_an_encoder_for_its_media_type(
    picture_format: PictureFormat,
) -> None:
    file = encode(PIXELS, Image.new("L", (32, 32), 99), picture_format, 90)
    with Image.open(io.BytesIO(file.data)) as opened:
        assert Image.MIME[str(opened.format)] == file.media_type == picture_format.media_type
        assert opened.has_transparency_data == picture_format.has_alpha


@pytest.mark.parametrize("picture_format", PictureFormat)
def test_quality_has_an_effect_on_exactly_the_formats_that_declare_it(
    picture_format: PictureFormat,
) -> None:
    noise = np.random.default_rng(0).random((32, 32, 3), dtype=np.float32)
    low, high = (encode(noise, None, picture_format, quality).data for quality in (10, 90))
    assert (low != high) == picture_format.has_quality


@pytest.mark.parametrize("input_format", INPUT_FORMATS, ids=lambda each: each.name)
def test_every_input_format_is_decoded_and_identified(input_format: InputFormat) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, input_format.name)
    assert decode(buffer.getvalue(), max_pixels=10_000).picture.size == (64, 64)
    assert sniff_media_type(buffer.getvalue()) == input_format.media_type
    if input_format.name != "HEIC":  # its registered name is the container's, HEIF
        assert Image.MIME[input_format.name.upper()] == input_format.media_type


def test_results_can_be_uploaded_again() -> None:
    assert {each.media_type for each in PictureFormat} <= {
        each.media_type for each in INPUT_FORMATS
    }
