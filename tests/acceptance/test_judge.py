"""The losses that Easel reports match an independent computation."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.nst import VGG19, Pictures, stylize
from core.params import PictureFormat, StyleParams
from core.params.presets import STYLE_LAYERS
from core.pictures.encode import encode
from tests.acceptance.judge import LossOptions, losses

SAMPLES = Path(__file__).parent.parent.parent / "samples"
CAT = Image.open(SAMPLES / "photos" / "cat.jpg").convert("RGB").resize((384, 288))
PAINTINGS = [
    Image.open(SAMPLES / "styles" / f"{name}.jpg").convert("RGB").resize((512, 512))
    for name in ("woodblock", "swirls")
]


def split(size: tuple[int, int], at: float) -> Image.Image:
    """Return a mask that changes colour at a part of its width."""
    mask = Image.new("RGB", size, "white")
    mask.paste("black", (0, 0, round(size[0] * at), size[1]))
    return mask


TWO_STYLES = {"styles": PAINTINGS}
MASKS = {
    "content_mask": split(CAT.size, 0.5),
    "styles": PAINTINGS[:1],
    "style_masks": [split(PAINTINGS[0].size, 0.25)],
}
#: The layer weights of a job without ``style_weight``.
RECIPE = LossOptions(base=STYLE_LAYERS)


@pytest.mark.parametrize(
    ("files", "fields", "options"),
    [
        pytest.param({}, {"preset": "fast"}, RECIPE, id="fast"),
        pytest.param({}, {"preset": "balanced", "optimizer": "adam"}, RECIPE, id="adam"),
        pytest.param({}, {"preset": "fine"}, RECIPE, id="fine"),
        pytest.param({}, {"preset": "classic"}, LossOptions(), id="classic"),
        pytest.param(
            {}, {"preset": "gatys2015"}, LossOptions(average_pooling=True), id="gatys2015"
        ),
        pytest.param({}, {"padding": "replicate"}, replace(RECIPE, replicate=True), id="replicate"),
        pytest.param({}, {"style_scale": 0.5}, replace(RECIPE, style_scale=0.5), id="style_scale"),
        pytest.param(
            {}, {"color": "content"}, replace(RECIPE, color="content"), id="color=content"
        ),
        pytest.param({}, {"color": "match"}, replace(RECIPE, color="match"), id="color=match"),
        pytest.param({}, {"precision": "float32"}, RECIPE, id="float32"),
        pytest.param(
            TWO_STYLES, {"style_blend": "1,3"}, replace(RECIPE, blend=(1, 3)), id="two styles"
        ),
        pytest.param(MASKS, {}, replace(RECIPE, splits=(0.5, 0.25)), id="masks"),
    ],
)
def test_the_losses_of_the_encoded_result_match_an_independent_computation(
    network: VGG19,
    weights: Path,
    files: dict[str, Any],
    fields: dict[str, Any],
    options: LossOptions,
) -> None:
    pictures = Pictures(CAT, **{"styles": PAINTINGS[:1], **files})
    params = StyleParams.model_validate({"size": 128, "steps": 4, **fields})
    *_, last = stylize(pictures, params, network)
    png = Image.open(io.BytesIO(encode(last.pixels(), None, PictureFormat.PNG, 92).data))
    content, style = losses(png, CAT, pictures.styles, weights, options)
    assert float(last.loss.content) == pytest.approx(content, rel=0.02)
    assert float(last.loss.style) == pytest.approx(style, rel=0.02)
    total = last.balance.total(*(float(term) for term in last.loss[1:]))
    assert float(last.loss.total) == pytest.approx(total, rel=1e-6)
