"""The same request gives the same look at every size."""

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


def painted(network: VGG19, size: int, **given: str) -> np.ndarray:
    """What was painted over the photograph, as it is seen from far away."""
    params = StyleParams.model_validate({"preset": "fast", "steps": 15, "size": size, **given})
    *_, last = stylize(PICTURES, params, network)
    far = [
        np.asarray(picture.resize((24, 16), Image.Resampling.BOX)).astype(float)
        for picture in (last.picture(), PICTURES.content)
    ]
    return np.array(far[0] - far[1]).ravel()


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_sizes_that_are_no_powers_of_two_have_one_composition_too(network: VGG19) -> None:
    assert alike(painted(network, 100), painted(network, 200)) > 0.5


def test_without_a_pyramid_they_have_two(network: VGG19) -> None:
    # Or the first test would say nothing about the pyramid.
    assert alike(painted(network, 100, pyramid="off"), painted(network, 200, pyramid="off")) < 0.4
