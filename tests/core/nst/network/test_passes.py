"""Forward and backward passes, whole and in strips."""

from __future__ import annotations

import pytest
import torch

from core.nst import VGG19
from core.nst.network.passes import Pass
from core.params import Layer, Padding, Pooling
from tests.core.nst.examples import FLOAT64, uniform
from tests.core.nst.network.reference import add_own_gradients

LAYERS_COMPARED: list[Layer] = ["conv1_1", "conv2_2", "conv4_2"]  # conv2_2 is followed by a pool
#: Whole; strips of two rows in every block; strips of several rows in the first blocks.
STRIPS = [None, 1, 64 * 33 * 6]


def test_layers_deeper_than_the_deepest_compared_one_are_not_computed(
    tiny_network: VGG19,
) -> None:
    parts = list(Pass(tiny_network, uniform(0, 1, 3, 16, 16), ["conv2_1", "conv1_1"]).forward())
    assert [part.layer for part in parts] == ["conv1_1", "conv2_1"]
    assert [part.share for part in parts] == [1, 1]


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 47), (70, 33)])
@pytest.mark.parametrize("strip", STRIPS)
def test_features_and_gradients_match_autograd_through_the_whole_picture(
    tiny_network: VGG19,
    pooling: Pooling,
    padding: Padding,
    height: int,
    width: int,
    strip: int | None,
) -> None:
    network = tiny_network.using(FLOAT64, pooling, padding)
    image = uniform(1, 1, 3, height, width).requires_grad_()
    features = network.features(image, LAYERS_COMPARED)
    own = {
        layer: torch.randn(F.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        for layer, F in features.items()
    }
    (expected,) = torch.autograd.grad(
        list(features.values()), image, [own[layer] for layer in features]
    )
    with torch.no_grad():
        both = Pass(network, image, LAYERS_COMPARED, strip=strip)
        shares = dict.fromkeys(LAYERS_COMPARED, 0.0)
        for part in both.forward():
            shares[part.layer] += part.share
            torch.testing.assert_close(part.F, features[part.layer][:, :, part.rows])
        gradient = both.backward(add_own_gradients(own))
    assert shares == pytest.approx(dict.fromkeys(LAYERS_COMPARED, 1.0))
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)
