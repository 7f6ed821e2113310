"""The strength, with the paper's network: how much of a painting a result has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from core.nst import VGG19, Pictures, stylize
from core.nst.network.pixels import to_tensor
from core.params import StyleParams
from core.params.presets import STYLE_LAYERS

SAMPLES = Path(__file__).parents[2] / "samples"
SIZE = (144, 112)
PAIRS = [("cat", "woodblock"), ("rocket", "embers")]
STRENGTHS = (0, 0.25, 0.5, 0.75, 1)


def read(name: str) -> Image.Image:
    return ImageOps.fit(Image.open(SAMPLES / f"{name}.jpg"), SIZE, Image.Resampling.LANCZOS)


def grams(network: VGG19, image: torch.Tensor) -> list[np.ndarray]:
    """The matrices of mean products of all pairs of filters."""
    features = network.features(image, list(STYLE_LAYERS))
    return [
        np.einsum("chw,dhw->cd", F[0].numpy(), F[0].numpy()) / F[0, 0].numel()
        for F in features.values()
    ]


@pytest.mark.parametrize(("photo", "painting"), PAIRS)
def test_the_style_comes_closer_with_every_step_of_the_strength(
    network: VGG19, photo: str, painting: str
) -> None:
    content, style = read(f"photos/{photo}"), read(f"styles/{painting}")
    distances, changes = [], []
    for strength in STRENGTHS:
        params = StyleParams.model_validate(
            {"preset": "fast", "size": 64, "steps": 20, "strength": strength}
        )
        *_, last = stylize(Pictures(content, [style]), params, network)
        target = to_tensor(style, params.style_size(style.size), network.device)
        distances.append(
            np.mean(
                [
                    np.linalg.norm(G - A) / np.linalg.norm(A)
                    for G, A in zip(grams(network, last.image), grams(network, target), strict=True)
                ]
            )
        )
        photograph = to_tensor(content, (last.width, last.height), network.device)
        changes.append(float((last.image - photograph).abs().max()))
    assert changes[0] <= 1 / 255
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < distances[0] / 2
