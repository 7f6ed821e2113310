"""The same request has the same composition at every size."""

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


def composition(network: VGG19, size: int, **fields: str) -> np.ndarray:
    """Return the change of the photograph at 24 x 16 pixels, which shows only the composition."""
    params = StyleParams.model_validate({"preset": "fast", "steps": 15, "size": size, **fields})
    *_, last = stylize(PICTURES, params, network)
    result, content = (
        np.asarray(picture.resize((24, 16), Image.Resampling.BOX)).astype(float)
        for picture in (last.picture(), PICTURES.content)
    )
    return np.array(result - content).ravel()


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_the_composition_is_alike_at_sizes_that_are_not_powers_of_two(network: VGG19) -> None:
    assert correlation(composition(network, 100), composition(network, 200)) > 0.5


def test_without_a_pyramid_the_compositions_differ(network: VGG19) -> None:
    # Otherwise the test above would not show that the pyramid is the reason.
    small, large = (composition(network, size, pyramid="off") for size in (100, 200))
    assert correlation(small, large) < 0.4
