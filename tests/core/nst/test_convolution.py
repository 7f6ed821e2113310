"""One convolution, forth and back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.nst.convolution import Convolution, Int8Convolution

DOUBLE = torch.float64


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def apart(found: Tensor, expected: Tensor) -> float:
    """The difference, as a part of what was expected."""
    return float(torch.linalg.vector_norm(found.double() - expected) / expected.norm())


def in_8_bits(weight: Tensor, border: int) -> Int8Convolution:
    bias = torch.zeros(len(weight), dtype=torch.bfloat16)
    return Int8Convolution(weight.to(torch.bfloat16), bias, border)


@pytest.mark.parametrize("border", [0, 1])
@pytest.mark.parametrize(("height", "width"), [(3, 3), (17, 31), (32, 20)])
def test_the_way_back_is_that_of_autograd_at_the_border_too(
    border: int, height: int, width: int
) -> None:
    weight, bias, x = drawn(1, 24, 10, 3, 3), drawn(2, 24), drawn(3, 1, 10, height, width)
    x.requires_grad_()
    y = torch.nn.functional.conv2d(x, weight, bias, padding=border)
    g = drawn(4, *y.shape)
    (expected,) = torch.autograd.grad(y, x, g)
    exact = Convolution(weight, bias, border).back(g)
    torch.testing.assert_close(exact, expected)
    rounded = in_8_bits(weight, border).back(g.to(torch.bfloat16))
    assert rounded.dtype == torch.bfloat16
    assert apart(rounded, expected) < 0.1
    assert apart(rounded[..., 0, :], expected[..., 0, :]) < 0.15
    assert apart(rounded[..., -1], expected[..., -1]) < 0.15


def test_in_8_bits_the_features_are_those_of_bfloat16() -> None:
    weight, bias, x = (
        each.to(torch.bfloat16)
        for each in (drawn(1, 8, 4, 3, 3), drawn(2, 8), drawn(3, 1, 4, 9, 9))
    )
    assert torch.equal(Int8Convolution(weight, bias, 1)(x), Convolution(weight, bias, 1)(x))


@pytest.mark.parametrize("exponent", [-60, -20, 20])
def test_a_gradient_is_rounded_by_its_own_size(exponent: int) -> None:
    g = drawn(4, 1, 24, 16, 16).to(torch.bfloat16)
    convolution = in_8_bits(drawn(1, 24, 10, 3, 3), 1)
    expected = convolution.back(g.clone()).double() * 2.0**exponent
    assert apart(convolution.back(g * 2.0**exponent), expected) < 0.005


def test_where_there_is_no_gradient_there_is_none_below() -> None:
    g = torch.zeros(1, 24, 16, 16, dtype=torch.bfloat16)
    assert float(in_8_bits(drawn(1, 24, 10, 3, 3), 1).back(g).abs().max()) < 1e-30


def test_a_channel_without_weights_passes_nothing_back() -> None:
    weight = drawn(1, 24, 10, 3, 3)
    weight[:, 5] = 0
    g = drawn(4, 1, 24, 16, 16).to(torch.bfloat16)
    back = in_8_bits(weight, 1).back(g)
    assert float(back[:, 5].abs().max()) < 1e-30
    assert bool(torch.isfinite(back).all())


def test_what_is_not_finite_stays_so_and_is_noticed() -> None:
    g = drawn(4, 1, 24, 16, 16).to(torch.bfloat16)
    g[0, 3, 5, 5] = torch.nan
    assert not torch.isfinite(in_8_bits(drawn(1, 24, 10, 3, 3), 1).back(g)).all()
