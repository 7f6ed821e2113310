"""Convolutions in 8 bits, compared with exact ones."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from core.nst import VGG19
from core.nst.network.int8 import (
    Int8BackwardConvolution,
    Int8Convolution,
    quantise_weight,
    with_int8_features,
)
from core.nst.network.passes import Pass
from core.nst.network.precision import FLOAT32, INT8
from core.params import LAYERS, Layer, Padding, Pooling
from tests.core.nst.examples import FLOAT64, normal
from tests.core.nst.network.reference import add_own_gradients, convolve_relu, relative_error

WEIGHT, BIAS = normal(1, 24, 10, 3, 3), normal(2, 24)


def int8_backward(
    weight: Tensor = WEIGHT, bias: Tensor = BIAS, padding: Padding = Padding.ZERO
) -> Int8BackwardConvolution:
    return Int8BackwardConvolution(weight.to(torch.bfloat16), bias.to(torch.bfloat16), padding)


def bfloat16_gradient() -> Tensor:
    return normal(4, 1, 24, 16, 16).to(torch.bfloat16)


#: Features that the ReLU passed on everywhere.
POSITIVE = torch.ones(1, 24, 16, 16, dtype=torch.bfloat16)


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize(("height", "width"), [(3, 3), (17, 31), (32, 20)])
def test_the_8_bit_gradient_is_near_the_exact_one_up_to_the_border(
    padding: Padding, height: int, width: int
) -> None:
    x = normal(3, 1, 10, height, width)
    y = convolve_relu(x.requires_grad_(), WEIGHT, BIAS, padding)
    gradient = normal(4, *y.shape)
    (expected,) = torch.autograd.grad(y, x, gradient)
    y = y.detach()
    # Quantised features tell as well as others where the ReLU passed its input on.
    for features in (y.to(torch.bfloat16), (y > 0).to(torch.uint8) * 7):
        result = int8_backward(padding=padding).backward(gradient.to(torch.bfloat16), features)
        assert result.dtype == torch.bfloat16
        assert relative_error(result, expected) < 0.1
        assert relative_error(result[..., 0, :], expected[..., 0, :]) < 0.15
        assert relative_error(result[..., -1], expected[..., -1]) < 0.15


@pytest.mark.parametrize("exponent", [-60, -20, 20])
def test_the_error_of_a_gradient_does_not_depend_on_its_magnitude(exponent: int) -> None:
    convolution, gradient = int8_backward(), bfloat16_gradient()
    expected = convolution.backward(gradient.clone(), POSITIVE).double() * 2.0**exponent
    scaled = convolution.backward(gradient * 2.0**exponent, POSITIVE)
    assert relative_error(scaled, expected) < 0.005


def test_a_gradient_of_0_stays_0() -> None:
    result = int8_backward().backward(torch.zeros_like(bfloat16_gradient()), POSITIVE)
    assert float(result.abs().max()) < 1e-30


def test_an_input_channel_without_weights_gets_no_gradient() -> None:
    weight = WEIGHT.clone()
    weight[:, 5] = 0
    result = int8_backward(weight).backward(bfloat16_gradient(), POSITIVE)
    assert float(result[:, 5].abs().max()) < 1e-30
    assert bool(torch.isfinite(result).all())


def test_a_gradient_that_is_not_finite_stays_so() -> None:
    gradient = bfloat16_gradient()
    gradient[0, 3, 5, 5] = torch.nan
    assert not torch.isfinite(int8_backward().backward(gradient, POSITIVE)).all()


@pytest.mark.parametrize("padding", Padding)
def test_quantised_features_are_near_the_exact_ones(padding: Padding) -> None:
    # Channels of very different strength, as in the real network.
    input_scale = torch.logspace(-3, 1, 10)
    weight = WEIGHT / input_scale.double().view(1, -1, 1, 1) / 100
    units = (normal(3, 1, 10, 17, 31).clamp(0, 4) * 60).round()
    expected = convolve_relu(units * input_scale.double().view(1, -1, 1, 1), weight, BIAS, padding)
    output_scale = expected.square().mean((0, 2, 3)).sqrt().float() * 16 / 255
    x = units.to(torch.uint8).contiguous(memory_format=torch.channels_last)
    exact = int8_backward(weight, padding=padding)

    compared = Int8Convolution(exact, input_scale, None).forward(x)
    assert compared.dtype == torch.bfloat16
    assert relative_error(compared, expected) < 0.02
    between = Int8Convolution(exact, input_scale, output_scale).forward(x)
    assert between.dtype == torch.uint8
    assert relative_error(between * output_scale.view(1, -1, 1, 1), expected) < 0.05


def test_the_input_is_rounded_to_the_nearest_unit_and_saturates_at_255() -> None:
    input_scale = torch.tensor([0.5, 1, 2, 4])
    weight, bias = normal(1, 8, 4, 3, 3), normal(2, 8)
    convolution = Int8Convolution(int8_backward(weight, bias), input_scale, None)
    in_units = torch.tensor([0.4, 0.6, 100.2, 300.0, 254.6, 255.4])
    x = (in_units.view(1, 1, 1, -1) * input_scale.view(1, -1, 1, 1)).to(torch.bfloat16)
    rounded = torch.tensor([0, 1, 100, 255, 255, 255], dtype=torch.uint8).expand(1, 4, 1, -1)
    result, expected = (
        convolution.forward(each.contiguous(memory_format=torch.channels_last))
        for each in (x, rounded)
    )
    assert torch.equal(result, expected)


def test_the_sum_of_a_filters_weights_is_rounded_to_the_nearest_unit() -> None:
    # Rounded independently, nine weights could be wrong by 4.5 units.
    quantised, scale = quantise_weight(WEIGHT)
    sums = WEIGHT.sum((2, 3)) / scale.view(-1, 1)
    assert float((quantised.sum((2, 3)) - sums).abs().max()) <= 0.51
    errors = quantised * scale.view(-1, 1, 1, 1) - WEIGHT
    assert float((errors.abs() / scale.view(-1, 1, 1, 1)).max()) <= 1.01


def test_quantised_weights_are_integers_from_minus_127_to_127() -> None:
    weight = torch.full((1, 1, 3, 3), 1.0)
    weight[..., 0] = 0.996  # 126.5 units: the rounding errors would make the next ones 128
    quantised, scale = quantise_weight(weight)
    assert torch.equal(quantised, quantised.round().clamp(-127, 127))
    assert float(quantised.sum() * scale) == pytest.approx(float(weight.sum()), rel=0.01)


def channel_rms(features: Mapping[Layer, Tensor]) -> dict[Layer, Tensor]:
    return {layer: F.square().mean((0, 2, 3)).sqrt() for layer, F in features.items()}


def quantise(network: VGG19, rms: Mapping[Layer, Tensor], compared: list[Layer]) -> VGG19:
    convolutions = with_int8_features(network.convolutions, rms, compared)
    return network.with_convolutions(convolutions)


def test_only_features_that_are_not_compared_are_quantised(tiny_network: VGG19) -> None:
    image = torch.rand(1, 3, 32, 32)
    rms = channel_rms(tiny_network.features(image, LAYERS))
    compared: list[Layer] = ["conv2_1", "conv4_2"]
    network = quantise(tiny_network.using(INT8), rms, compared)
    upto = LAYERS[: LAYERS.index("conv4_2") + 1]
    formats = {layer: F.dtype for layer, F in network.features(image, upto).items()}
    # The first layer, whose input is the image, is never quantised.
    exact = {layer for layer, dtype in formats.items() if dtype is torch.bfloat16}
    assert exact == {"conv1_1", *compared}
    assert {formats[layer] for layer in formats.keys() - exact} == {torch.uint8}


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("padding", Padding)
def test_a_network_with_8_bit_gradients_points_the_same_way(
    tiny_network: VGG19, pooling: Pooling, padding: Padding
) -> None:
    image = torch.rand(1, 3, 33, 47, generator=torch.Generator().manual_seed(1))
    gradients = []
    for number_format in (FLOAT64, INT8):
        network = tiny_network.using(number_format, pooling, padding)
        with torch.no_grad():
            both = Pass(network, image, ["conv1_1", "conv4_2"])
            own = {part.layer: torch.ones_like(part.F) for part in both.forward()}
            gradients.append(both.backward(add_own_gradients(own)))
    exact, quantised = (gradient.double().flatten() for gradient in gradients)
    assert float(torch.cosine_similarity(exact, quantised, dim=0)) > 0.99


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("padding", Padding)
def test_a_network_with_8_bit_features_is_near_the_exact_one(
    tiny_network: VGG19, pooling: Pooling, padding: Padding
) -> None:
    image = torch.rand(1, 3, 49, 63, generator=torch.Generator().manual_seed(1))
    exact = tiny_network.using(FLOAT32, pooling, padding)
    compared: list[Layer] = ["conv1_1", "conv3_2", "conv4_2"]
    with torch.no_grad():
        features = exact.features(image, LAYERS)
        int8 = quantise(tiny_network.using(INT8, pooling, padding), channel_rms(features), compared)
        gradients = []
        for network in (exact, int8):
            both = Pass(network, image, compared)
            own = {}
            for part in both.forward():
                assert relative_error(part.F, features[part.layer].double()) < 0.1
                own[part.layer] = torch.ones_like(part.F)
            gradients.append(both.backward(add_own_gradients(own)).flatten())
    assert float(torch.cosine_similarity(gradients[0], gradients[1], dim=0)) > 0.9


def test_a_channel_expected_to_be_silent_is_still_represented(tiny_network: VGG19) -> None:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    features = tiny_network.features(image, LAYERS)
    rms = channel_rms(features)
    rms["conv2_1"][0] = 0
    network = quantise(tiny_network.using(INT8), rms, ["conv2_2"])
    F = network.features(image, ["conv2_2"])["conv2_2"].float()
    assert torch.isfinite(F).all()
    assert float(torch.cosine_similarity(F.flatten(), features["conv2_2"].flatten(), 0)) > 0.9
