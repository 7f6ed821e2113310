"""What Easel says of its pictures is what somebody else would measure, whatever was asked for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.nst import VGG19, Pictures, stylize
from core.params import PictureFormat, StyleParams
from core.pictures.encode import encode
from tests.acceptance.judge import Eyes, losses

SAMPLES = Path(__file__).parent.parent.parent / "samples"
CAT = Image.open(SAMPLES / "photos" / "cat.jpg").convert("RGB").resize((384, 288))
PAINTINGS = [
    Image.open(SAMPLES / "styles" / f"{name}.jpg").convert("RGB").resize((512, 512))
    for name in ("woodblock", "swirls")
]


def split(size: tuple[int, int], at: float) -> Image.Image:
    mask = Image.new("RGB", size, "white")
    mask.paste("black", (0, 0, round(size[0] * at), size[1]))
    return mask


TWO = {"styles": PAINTINGS}
MASKED = {
    "content_mask": split(CAT.size, 0.5),
    "styles": PAINTINGS[:1],
    "style_masks": [split(PAINTINGS[0].size, 0.25)],
}


@pytest.mark.parametrize(
    ("files", "given", "eyes"),
    [
        ({}, {"preset": "fast"}, Eyes()),
        ({}, {"preset": "balanced", "optimizer": "adam"}, Eyes()),
        ({}, {"preset": "fine"}, Eyes()),
        ({}, {"preset": "gatys2015"}, Eyes(average=True)),
        ({}, {"padding": "replicate"}, Eyes(replicate=True)),
        ({}, {"style_scale": 0.5}, Eyes(style_scale=0.5)),
        ({}, {"color": "content"}, Eyes(color="content")),
        ({}, {"color": "match"}, Eyes(color="match")),
        ({}, {"precision": "float32"}, Eyes()),
        (TWO, {"style_blend": "1,3"}, Eyes(blend=(1, 3))),
        (MASKED, {}, Eyes(splits=(0.5, 0.25))),
    ],
    ids=[
        *("fast", "adam", "fine", "gatys2015", "replicate", "half as large", "content", "match"),
        *("float32", "two styles", "masks"),
    ],
)
def test_the_losses_are_those_that_a_judge_finds(
    network: VGG19, weights: Path, files: dict[str, Any], given: dict[str, Any], eyes: Eyes
) -> None:
    pictures = Pictures(CAT, **{"styles": PAINTINGS[:1], **files})
    params = StyleParams.model_validate({"size": 128, "steps": 4, **given})
    *_, last = stylize(pictures, params, network)
    png = encode(last.pixels(), None, PictureFormat.PNG, 92)
    content, style = losses(Image.open(io.BytesIO(png.data)), CAT, pictures.styles, weights, eyes)
    assert float(last.loss.content) == pytest.approx(content, rel=0.02)
    assert float(last.loss.style) == pytest.approx(style, rel=0.02)
    total = params.content_weight * last.loss.content + params.style_weight * last.loss.style
    expected = float(total + params.tv_weight * last.loss.tv)
    assert float(last.loss.total) == pytest.approx(expected, rel=1e-6)
