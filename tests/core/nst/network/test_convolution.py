"""One convolution, forth and back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core.nst.network.convolution import PlainConvolution
from core.nst.network.int8 import (
    Int8BackwardConvolution,
    Int8Convolution,
    QuantisedBackward,
    quantise_weight,
)
from core.nst.network.kernels import QuantisedConvolution
from core.nst.network.packed import PackedConvolution
from core.params import Padding

DOUBLE = torch.float64

#: By the zeros around the input of the convolution.
PADDING = {1: Padding.ZERO, 0: Padding.REPLICATE}


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def apart(found: Tensor, expected: Tensor) -> float:
    """The difference, as a part of what was expected."""
    return float(torch.linalg.vector_norm(found.double() - expected) / expected.norm())


def relu_of(weight: Tensor, bias: Tensor, x: Tensor, border: int) -> Tensor:
    return torch.nn.functional.conv2d(x, weight, bias, padding=border).clamp_min(0)


def way_back(weight: Tensor, border: int) -> QuantisedBackward:
    return QuantisedBackward(weight.to(torch.bfloat16), border)


def quantised(weight: Tensor, border: int) -> Callable[[Tensor], Tensor]:
    rounded, scale = quantise_weight(weight)
    convolve = QuantisedConvolution(rounded.to(torch.int8), scale, border)
    bias = torch.zeros(len(weight))
    return lambda x: convolve(x, 1.0, scale, bias, torch.float32, "none")


def everywhere(g: Tensor) -> Tensor:
    """Features above 0."""
    return torch.ones_like(g)


@pytest.mark.parametrize("border", [0, 1])
@pytest.mark.parametrize(("height", "width"), [(3, 3), (17, 31), (32, 20)])
def test_the_way_back_is_that_of_autograd_at_the_border_too(
    border: int, height: int, width: int
) -> None:
    weight, bias, x = drawn(1, 24, 10, 3, 3), drawn(2, 24), drawn(3, 1, 10, height, width)
    y = relu_of(weight, bias, x.requires_grad_(), border)
    g = drawn(4, *y.shape)
    (expected,) = torch.autograd.grad(y, x, g)
    y = y.detach()
    exact = PlainConvolution(weight, bias, PADDING[border])._convolve_backward(g.clone(), y, None)
    torch.testing.assert_close(exact, expected)
    # Levels say as well as numbers where the features are above 0.
    for seen in (y.to(torch.bfloat16), (y > 0).to(torch.uint8) * 7):
        rounded = way_back(weight, border)(g.to(torch.bfloat16), seen)
        assert rounded.dtype == torch.bfloat16
        assert apart(rounded, expected) < 0.1
        assert apart(rounded[..., 0, :], expected[..., 0, :]) < 0.15
        assert apart(rounded[..., -1], expected[..., -1]) < 0.15


@pytest.mark.parametrize("border", [0, 1])
@pytest.mark.parametrize("channels", [3, 10, 64])
def test_a_packed_convolution_gives_what_the_plain_one_does(border: int, channels: int) -> None:
    weight, bias = drawn(1, 24, channels, 3, 3), drawn(2, 24)
    convolution = PackedConvolution(
        weight.to(torch.bfloat16), bias.to(torch.bfloat16), PADDING[border]
    )
    for height, width in ((3, 3), (17, 31), (32, 20)):  # packed once, for all sizes
        x = drawn(3, 1, channels, height, width)
        y = convolution._convolve(x.to(torch.bfloat16, memory_format=torch.channels_last))
        assert y.is_contiguous(memory_format=torch.channels_last)
        assert apart(y, relu_of(weight, bias, x, border)) < 0.01


def in_8_bits(
    weight: Tensor, bias: Tensor, border: int, given: Tensor, made: Tensor | None
) -> Int8Convolution:
    rounded = weight.to(torch.bfloat16), bias.to(torch.bfloat16)
    return Int8Convolution(Int8BackwardConvolution(*rounded, PADDING[border]), given, made)


@pytest.mark.parametrize("border", [0, 1])
def test_features_in_8_bits_are_those_of_what_the_levels_stand_for(border: int) -> None:
    weight, bias = drawn(1, 24, 10, 3, 3), drawn(2, 24)
    # Channels of very different strength, as a network has them.
    given = torch.logspace(-3, 1, 10)
    weight = weight / given.double().view(1, -1, 1, 1) / 100
    levels = (drawn(3, 1, 10, 17, 31).clamp(0, 4) * 60).round()
    x = levels * given.double().view(1, -1, 1, 1)
    expected = relu_of(weight, bias, x, border)
    made = expected.square().mean((0, 2, 3)).sqrt().float() * 16 / 255
    bytes_in = levels.to(torch.uint8).contiguous(memory_format=torch.channels_last)

    numbers = in_8_bits(weight, bias, border, given, None)._convolve(bytes_in)
    assert numbers.dtype == torch.bfloat16
    assert apart(numbers, expected) < 0.02
    bytes_out = in_8_bits(weight, bias, border, given, made)._convolve(bytes_in)
    assert bytes_out.dtype == torch.uint8
    assert apart(bytes_out * made.view(1, -1, 1, 1), expected) < 0.05


def test_numbers_are_rounded_to_the_nearest_level_and_cut_off_at_the_last() -> None:
    weight, bias = drawn(1, 8, 4, 3, 3), drawn(2, 8)
    given = torch.tensor([0.5, 1, 2, 4])
    convolution = in_8_bits(weight, bias, 1, given, None)
    steps = torch.tensor([0.4, 0.6, 100.2, 300.0, 254.6, 255.4])
    x = (steps.view(1, 1, 1, -1) * given.view(1, -1, 1, 1)).to(torch.bfloat16)
    levels = torch.tensor([0, 1, 100, 255, 255, 255], dtype=torch.uint8).expand(1, 4, 1, -1)
    cl = torch.channels_last
    found = convolution.forward(x.contiguous(memory_format=cl))
    assert torch.equal(found, convolution.forward(levels.contiguous(memory_format=cl)))


def test_the_nine_weights_of_a_filter_are_rounded_so_that_their_sum_is_kept() -> None:
    # Where a channel is the same everywhere, nothing but the border can tell it from the exact one.
    weight = drawn(1, 24, 10, 3, 3)
    steps = weight.abs().amax((1, 2, 3)) / 127
    for channel in range(10):
        x = torch.zeros(1, 10, 9, 9, dtype=torch.uint8)
        x[:, channel] = 255
        x = x.contiguous(memory_format=torch.channels_last)
        y = quantised(weight, 1)(x)
        expected = 255 * weight[:, channel].sum((1, 2))
        difference = (y[0, :, 4, 4].double() - expected).abs() / (255 * steps)
        assert float(difference.max()) <= 0.51  # a half, where nine roundings add up to 4.5


def test_no_weight_is_rounded_to_more_than_there_are_levels_for() -> None:
    weight = torch.full((1, 1, 3, 3), 1.0)
    weight[..., 0] = 0.996  # 126.5 levels: what is left over would make the next ones 128
    x = torch.ones(1, 1, 3, 3, dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    y = quantised(weight, 0)(x)
    assert float(y) == pytest.approx(float(weight.sum()), rel=0.01)


@pytest.mark.parametrize("exponent", [-60, -20, 20])
def test_a_gradient_is_rounded_by_its_own_size(exponent: int) -> None:
    g = drawn(4, 1, 24, 16, 16).to(torch.bfloat16)
    back = way_back(drawn(1, 24, 10, 3, 3), 1)
    expected = back(g.clone(), everywhere(g)).double() * 2.0**exponent
    assert apart(back(g * 2.0**exponent, everywhere(g)), expected) < 0.005


def test_where_there_is_no_gradient_there_is_none_below() -> None:
    g = torch.zeros(1, 24, 16, 16, dtype=torch.bfloat16)
    assert float(way_back(drawn(1, 24, 10, 3, 3), 1)(g, everywhere(g)).abs().max()) < 1e-30


def test_a_channel_without_weights_passes_nothing_back() -> None:
    weight = drawn(1, 24, 10, 3, 3)
    weight[:, 5] = 0
    g = drawn(4, 1, 24, 16, 16).to(torch.bfloat16)
    back = way_back(weight, 1)(g, everywhere(g))
    assert float(back[:, 5].abs().max()) < 1e-30
    assert bool(torch.isfinite(back).all())


def test_what_is_not_finite_stays_so_and_is_noticed() -> None:
    g = drawn(4, 1, 24, 16, 16).to(torch.bfloat16)
    g[0, 3, 5, 5] = torch.nan
    assert not torch.isfinite(way_back(drawn(1, 24, 10, 3, 3), 1)(g, everywhere(g))).all()
