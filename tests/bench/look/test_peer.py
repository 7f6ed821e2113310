"""The network that neural-style-pt gets is the same as Easel's."""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from bench.look.peer import ACTIVATIONS, convert, iterations_within
from core.nst import VGG19
from core.nst.network.pixels import to_tensor
from core.params import LAYERS
from tests.conftest import photo

MEAN_BGR = (103.939, 116.779, 123.68)


def caffe_features(state: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """Return the features of the layers in order, as the program's own ``nn.Sequential`` does.

    Args:
        state: its weights.
        image: BGR from 0 to 255 less the mean.
    """
    modules: dict[int, nn.Module] = {}
    for key, weight in state.items():
        if match := re.fullmatch(r"features\.(\d+)\.weight", key):
            number = int(match[1])
            convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            bias = state[f"features.{number}.bias"]
            convolution.load_state_dict({"weight": weight, "bias": bias})
            modules[number], modules[number + 1] = convolution, nn.ReLU()
    features, x = [], image
    for number in range(max(modules) + 1):
        module = modules.get(number, nn.MaxPool2d(2, 2))
        x = module(x)
        if isinstance(module, nn.ReLU):
            features.append(x)
    return features


def test_both_networks_see_the_same_in_a_picture(tiny_weights: dict[str, Tensor]) -> None:
    picture = photo(50, 40)
    rgb = to_tensor(picture, picture.size, torch.device("cpu"))
    bgr = torch.stack([rgb[0, 2 - n] * 255 - MEAN_BGR[n] for n in range(3)]).unsqueeze(0)
    own = VGG19(tiny_weights).features(rgb, LAYERS)
    other = caffe_features(convert(tiny_weights), bgr)
    assert len(other) == len(LAYERS)
    for layer, F in zip(LAYERS, other, strict=True):
        expected = own[layer] * ACTIVATIONS.get(layer, 1.0)
        torch.testing.assert_close(F, expected, rtol=1e-3, atol=1e-4 * float(expected.max()))


def test_an_equal_time_is_at_least_two_iterations() -> None:
    assert iterations_within(10.0, 0.4) == 25
    assert iterations_within(0.1, 0.4) == 2
