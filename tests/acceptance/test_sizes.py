"""The same request gives the same composition at every size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from core.nst import VGG19, Pictures, stylize
from core.params import StyleParams

SAMPLES = Path(__file__).parent.parent.parent / "samples"
PICTURES = Pictures(
    Image.open(SAMPLES / "photos" / "cat.jpg").convert("RGB"),
    [Image.open(SAMPLES / "styles" / "swirls.jpg").convert("RGB")],
)


def painted(network: VGG19, size: int, **fields: str) -> np.ndarray:
    """Return the difference between the result and the content, both reduced to 24 x 16.

    Its mean colour is subtracted, because the palette is the same at every size in any case.
    """
    params = StyleParams.model_validate({"preset": "fast", "steps": 15, "size": size, **fields})
    *_, last = stylize(PICTURES, params, network)
    result, content = (
        np.asarray(picture.resize((24, 16), Image.Resampling.BOX)).astype(float)
        for picture in (last.picture(), PICTURES.content)
    )
    change = result - content
    return np.array(change - change.mean((0, 1))).ravel()


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def test_two_sizes_that_are_not_powers_of_two_have_the_same_composition(network: VGG19) -> None:
    assert correlation(painted(network, 100), painted(network, 200)) > 0.75


def test_without_a_pyramid_two_sizes_have_different_compositions(network: VGG19) -> None:
    # Otherwise the test above would not depend on the pyramid.
    first, second = (painted(network, size, pyramid="off") for size in (100, 200))
    assert correlation(first, second) < 0.65
