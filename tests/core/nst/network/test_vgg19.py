"""The feature extractor."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
import torchvision
from torch import Tensor

from core.nst import VGG19, fetch_weights, load_network
from core.nst.network.int8 import with_int8_features
from core.nst.network.pixels import to_tensor
from core.nst.network.precision import BFLOAT16, FLOAT32, INT8, NumberFormat
from core.nst.network.vgg19 import AddGradient
from core.nst.weights.fetch import TORCHVISION_MEAN, convert_torchvision
from core.params import LAYERS, Layer, Network, Padding, Pooling
from core.settings.model import Settings
from worker.networks import calibration_pictures

FLOAT64 = NumberFormat(torch.float64)


def in_int8(network: VGG19, rms: Mapping[Layer, Tensor], compared: list[Layer]) -> VGG19:
    return network.with_convolutions(with_int8_features(network.convolutions, rms, compared))


def given(gradients: Mapping[Layer, Tensor]) -> dict[Layer, AddGradient]:
    """What adds each layer's gradient to that from above."""

    def adding(own: Tensor) -> AddGradient:
        return lambda F, g: own.to(F, copy=True) if g is None else g.add_(own)

    return {layer: adding(own) for layer, own in gradients.items()}


def test_every_feature_equals_torchvisions_own_forward_pass() -> None:
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
        found = network.features(image, LAYERS)
    for layer, features in zip(LAYERS, expected, strict=False):
        torch.testing.assert_close(found[layer], features, rtol=1e-3, atol=1e-5)


def test_only_what_was_asked_for_is_given(tiny_network: VGG19) -> None:
    image = torch.rand(1, 3, 32, 48)
    found = tiny_network.features(image, ["conv3_1", "conv1_2"])
    assert {layer: tuple(each.shape) for layer, each in found.items()} == {
        "conv1_2": (1, 4, 32, 48),
        "conv3_1": (1, 12, 8, 12),
    }


def test_the_smallest_picture_reaches_the_last_layer(tiny_network: VGG19) -> None:
    found = tiny_network.features(torch.rand(1, 3, 16, 17), ["conv5_1"])
    assert found["conv5_1"].shape == (1, 20, 1, 1)


def test_beyond_the_border_lies_the_mean_pixel(tiny_weights: dict[str, Tensor]) -> None:
    mean = (0.3, 0.6, 0.1)
    image = torch.rand(1, 3, 16, 16)
    framed = torch.tensor(mean).view(1, 3, 1, 1).expand(1, 3, 18, 18).clone()
    framed[:, :, 1:-1, 1:-1] = image
    network = VGG19(tiny_weights, mean)
    inner = network.features(framed, ["conv1_1"])["conv1_1"][:, :, 1:-1, 1:-1]
    torch.testing.assert_close(network.features(image, ["conv1_1"])["conv1_1"], inner)


def test_average_pooling_keeps_the_mean_activations_that_max_pooling_has() -> None:
    # With the real network, for which the factors were measured.
    directory = Settings().weights_dir
    fetch_weights(Network.NORMALIZED, directory, list)
    largest = load_network(Network.NORMALIZED, directory, torch.device("cpu"))
    average = largest.using(FLOAT32, Pooling.AVERAGE)
    image = to_tensor(calibration_pictures()[0], (256, 256), torch.device("cpu"))
    layers: list[Layer] = ["conv2_1", "conv3_1", "conv4_1", "conv5_1"]
    with torch.no_grad():
        expected, found = largest.features(image, layers), average.features(image, layers)
    for layer in layers:
        ratio = float(found[layer].mean() / expected[layer].mean())
        assert 0.75 < ratio < 1.33, (layer, ratio)


def test_another_number_format_is_the_same_network_up_to_rounding(tiny_network: VGG19) -> None:
    image = torch.rand(1, 3, 32, 32)
    exact = tiny_network.features(image, ["conv5_1"])["conv5_1"]
    rough = tiny_network.using(BFLOAT16).features(image, ["conv5_1"])["conv5_1"]
    assert rough.dtype == torch.bfloat16
    assert float((rough.float() - exact).abs().mean()) < 0.03 * float(exact.abs().mean())
    assert tiny_network.using(FLOAT32, Pooling.MAX, Padding.ZERO) is tiny_network


def test_replicated_borders_let_a_flat_picture_have_flat_features(tiny_network: VGG19) -> None:
    flat = torch.full((1, 3, 32, 32), 0.8)
    for padding, spread in ((Padding.ZERO, True), (Padding.REPLICATE, False)):
        found = tiny_network.using(padding=padding).features(flat, ["conv1_2"])["conv1_2"]
        differs = bool((found - found[:, :, 16:17, 16:17]).abs().max() > 1e-5)
        assert differs is spread


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 47)])
def test_the_way_back_is_that_of_autograd(
    tiny_network: VGG19, pooling: Pooling, padding: Padding, height: int, width: int
) -> None:
    network = tiny_network.using(FLOAT64, pooling, padding)
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, 3, height, width, dtype=torch.float64, generator=generator)
    image.requires_grad_()
    layers: list[Layer] = ["conv1_1", "conv2_2", "conv4_2"]  # one of them before a pool
    found = network.features(image, layers)
    ends = {
        layer: torch.randn(x.shape, dtype=torch.float64, generator=generator)
        for layer, x in found.items()
    }
    (expected,) = torch.autograd.grad(list(found.values()), image, [ends[each] for each in found])
    with torch.no_grad():
        activations = dict(network.activations(image, layers))
    torch.testing.assert_close(network.backward(activations, given(ends)), expected)


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("padding", Padding)
def test_the_way_back_in_8_bits_leads_where_the_exact_one_does(
    tiny_network: VGG19, pooling: Pooling, padding: Padding
) -> None:
    image = torch.rand(1, 3, 33, 47, generator=torch.Generator().manual_seed(1))
    gradients = []
    for number_format in (FLOAT64, INT8):
        network = tiny_network.using(number_format, pooling, padding)
        with torch.no_grad():
            activations = dict(network.activations(image, ["conv4_2"]))
            layers: tuple[Layer, ...] = ("conv1_1", "conv4_2")
            ends = {layer: torch.ones_like(activations[layer]) for layer in layers}
            gradients.append(network.backward(activations, given(ends)).double().flatten())
    exact, rounded = gradients
    assert float(torch.cosine_similarity(exact, rounded, dim=0)) > 0.99


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("padding", Padding)
def test_with_8_bits_between_the_layers_features_and_gradient_are_the_exact_ones_up_to_rounding(
    tiny_network: VGG19, pooling: Pooling, padding: Padding
) -> None:
    image = torch.rand(1, 3, 49, 63, generator=torch.Generator().manual_seed(1))
    exact = tiny_network.using(FLOAT32, pooling, padding)
    wanted: list[Layer] = ["conv1_1", "conv3_2", "conv4_2"]
    with torch.no_grad():
        everything = exact.features(image, LAYERS)
        strengths = {layer: F.square().mean((0, 2, 3)).sqrt() for layer, F in everything.items()}
        rough = in_int8(tiny_network.using(INT8, pooling, padding), strengths, wanted)
        gradients = []
        for network in (exact, rough):
            activations = dict(network.activations(image, wanted))
            for layer in wanted:
                difference = (activations[layer].float() - everything[layer]).norm()
                assert float(difference / everything[layer].norm()) < 0.1
            ends = {layer: torch.ones_like(activations[layer]) for layer in wanted}
            gradients.append(network.backward(activations, given(ends)).flatten())
    expected, found = gradients
    assert float(torch.cosine_similarity(expected, found, dim=0)) > 0.9


def test_a_channel_that_was_silent_is_heard_all_the_same(tiny_network: VGG19) -> None:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    everything = tiny_network.features(image, LAYERS)
    strengths = {layer: F.square().mean((0, 2, 3)).sqrt() for layer, F in everything.items()}
    silent = {**strengths, "conv2_1": strengths["conv2_1"].clone()}
    silent["conv2_1"][0] = 0
    rough = in_int8(tiny_network.using(INT8), silent, ["conv2_2"])
    found = rough.features(image, ["conv2_2"])["conv2_2"].float()
    assert torch.isfinite(found).all()
    assert float(torch.cosine_similarity(found.flatten(), everything["conv2_2"].flatten(), 0)) > 0.9


def test_the_way_back_needs_somewhere_to_begin(tiny_network: VGG19) -> None:
    activations = dict(tiny_network.activations(torch.rand(1, 3, 16, 16), ["conv1_2"]))
    with pytest.raises(ValueError, match="no layer has a gradient"):
        tiny_network.backward(activations, {})
