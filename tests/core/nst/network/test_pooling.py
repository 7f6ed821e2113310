"""The pools, forward and backward, compared with torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as nn
from torch import Tensor

from core.nst.network.pooling import AveragePool, MaxPool, Pool
from tests.core.nst.examples import normal

SIZES = [(2, 2), (6, 8), (7, 8), (6, 9), (17, 31)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize(
    ("pool", "reference"),
    [(MaxPool(), nn.max_pool2d), (AveragePool(), nn.avg_pool2d)],
    ids=["max", "average"],
)
def test_pools_and_their_gradients_match_torch(
    height: int,
    width: int,
    layout: torch.memory_format,
    pool: Pool,
    reference: Callable[[Tensor, int], Tensor],
) -> None:
    x = normal(0, 1, 5, height, width).contiguous(memory_format=layout)
    y = reference(x.requires_grad_(), 2)
    gradient = normal(1, *y.shape)
    (expected,) = torch.autograd.grad(y, x, gradient)
    torch.testing.assert_close(pool.forward(x.detach()), y.detach())
    torch.testing.assert_close(pool.backward(gradient, x.detach()), expected)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_quantised_features_are_pooled_like_their_values(height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randint(0, 256, (1, 5, height, width), dtype=torch.uint8, generator=generator)
    maximum = nn.max_pool2d(x.double(), 2).to(torch.uint8)
    assert torch.equal(MaxPool().forward(x), maximum)
    average = nn.avg_pool2d(x.double(), 2)
    assert float((AveragePool().forward(x).double() - average).abs().max()) <= 1
    gradient = normal(1, 1, 5, height // 2, width // 2).to(torch.bfloat16)
    expected = MaxPool().backward(gradient, x.to(torch.bfloat16))
    assert torch.equal(MaxPool().backward(gradient, x), expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bfloat16])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_backward_through_relu_routes_a_quantised_gradient_and_applies_the_relu(
    height: int, width: int, dtype: torch.dtype
) -> None:
    x = torch.relu(normal(0, 1, 5, height, width) * 3 - 2).round().to(dtype)
    gradient = (normal(1, 1, 5, height // 2, width // 2) * 50).round().clamp(-127, 127)
    at_x = torch.full(x.shape, 7, dtype=torch.int8)  # must be overwritten
    MaxPool().backward_through_relu(gradient.to(torch.int8), x, at_x)
    assert torch.equal(at_x.double(), MaxPool().backward(gradient, x.double()) * (x > 0))


def test_the_upper_left_of_equal_values_gets_the_whole_gradient() -> None:
    gradient = normal(0, 1, 3, 4, 4)
    at_x = MaxPool().backward(gradient, torch.ones(1, 3, 8, 8, dtype=torch.float64))
    assert torch.equal(at_x[..., ::2, ::2], gradient)
    assert float(at_x.abs().sum()) == pytest.approx(float(gradient.abs().sum()))
