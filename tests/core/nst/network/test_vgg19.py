"""VGG-19: its features and its backward pass."""

from __future__ import annotations

import gc
import weakref
from functools import partial

import pytest
import torch
import torchvision
from torch import Tensor

from core.nst import VGG19
from core.nst.network.precision import BFLOAT16, FLOAT32
from core.nst.weights.fetch import TORCHVISION_MEAN, convert_torchvision
from core.params import LAYERS, Padding, Pooling
from tests.core.nst.examples import FLOAT64

#: The number formats that one job computes in.
FORMATS = (BFLOAT16, FLOAT64, FLOAT32)


def test_every_layers_features_match_torchvisions_network() -> None:
    torch.manual_seed(0)
    model = torchvision.models.vgg19(weights=None).features.eval()
    state = {f"features.{name}": value for name, value in model.state_dict().items()}
    image = torch.rand(1, 3, 40, 56)
    normalise = torchvision.transforms.Normalize(TORCHVISION_MEAN, (0.229, 0.224, 0.225))
    expected: list[Tensor] = []
    with torch.no_grad():
        x = normalise(image)
        for module in model:
            x = torch.relu(x) if isinstance(module, torch.nn.ReLU) else module(x)
            if isinstance(module, torch.nn.ReLU):
                expected.append(x)
        network = VGG19(convert_torchvision(state), TORCHVISION_MEAN)
        features = network.features(image, LAYERS)
    for layer, F in zip(LAYERS, expected, strict=False):
        torch.testing.assert_close(features[layer], F, rtol=1e-3, atol=1e-5)


def test_only_the_requested_layers_are_returned(tiny_network: VGG19) -> None:
    features = tiny_network.features(torch.rand(1, 3, 32, 48), ["conv3_1", "conv1_2"])
    assert {layer: tuple(F.shape) for layer, F in features.items()} == {
        "conv1_2": (1, 4, 32, 48),
        "conv3_1": (1, 12, 8, 12),
    }


def test_an_image_of_16_pixels_reaches_the_last_layer(tiny_network: VGG19) -> None:
    features = tiny_network.features(torch.rand(1, 3, 16, 17), ["conv5_1"])
    assert features["conv5_1"].shape == (1, 20, 1, 1)


def test_zero_padding_of_the_first_layer_is_the_mean_pixel(
    tiny_weights: dict[str, Tensor],
) -> None:
    mean = (0.3, 0.6, 0.1)
    image = torch.rand(1, 3, 16, 16)
    framed = torch.tensor(mean).view(1, 3, 1, 1).expand(1, 3, 18, 18).clone()
    framed[:, :, 1:-1, 1:-1] = image
    network = VGG19(tiny_weights, mean)
    inner = network.features(framed, ["conv1_1"])["conv1_1"][:, :, 1:-1, 1:-1]
    torch.testing.assert_close(network.features(image, ["conv1_1"])["conv1_1"], inner)


def test_another_number_format_gives_the_same_features_up_to_rounding(
    tiny_network: VGG19,
) -> None:
    image = torch.rand(1, 3, 32, 32)
    exact = tiny_network.features(image, ["conv5_1"])["conv5_1"]
    rounded = tiny_network.using(BFLOAT16).features(image, ["conv5_1"])["conv5_1"]
    assert rounded.dtype == torch.bfloat16
    assert float((rounded.float() - exact).abs().mean()) < 0.03 * float(exact.abs().mean())


def test_a_network_keeps_the_variants_of_one_job(tiny_network: VGG19) -> None:
    made = [
        weakref.ref(tiny_network.using(number_format, pooling))
        for pooling in Pooling
        for number_format in FORMATS
    ]
    gc.collect()
    alive = [each() for each in made if each() is not None and each() is not tiny_network]
    assert len(alive) == 3
    assert alive == [tiny_network.using(each, list(Pooling)[-1]) for each in FORMATS]


def test_variants_share_one_cache_but_no_tensors(tiny_network: VGG19) -> None:
    other = tiny_network.using(pooling=Pooling.AVERAGE)
    for network, number in ((tiny_network, 1), (other, 2)):
        network.cached("key", partial(list, [torch.tensor(number)]))
    for network, number in ((tiny_network, 1), (other, 2)):
        (tensor,) = network.cached("key", list)
        assert int(tensor) == number
    assert other.cache is tiny_network.cache


def test_each_variant_of_a_network_is_made_once(tiny_network: VGG19) -> None:
    other = tiny_network.using(BFLOAT16)
    assert tiny_network.using(BFLOAT16) is other
    assert other.using(FLOAT32, Pooling.MAX, Padding.ZERO) is tiny_network
    assert other.exact is tiny_network


@pytest.mark.parametrize("padding", Padding)
def test_only_replicated_borders_give_a_flat_image_flat_features(
    tiny_network: VGG19, padding: Padding
) -> None:
    image = torch.full((1, 3, 32, 32), 0.8)
    F = tiny_network.using(padding=padding).features(image, ["conv1_2"])["conv1_2"]
    is_flat = float((F - F[:, :, 16:17, 16:17]).abs().max()) < 1e-5
    assert is_flat is (padding is Padding.REPLICATE)
