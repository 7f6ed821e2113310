"""Pools, forth and back, against torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as nn
from torch import Tensor

from core.nst.network.pooling import AveragePool, MaxPool, Pool

SIZES = [(2, 2), (6, 8), (7, 8), (6, 9), (17, 31)]


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pools_and_their_gradients_are_those_of_torch(height: int, width: int) -> None:
    for channels_last in (False, True):
        pools: list[tuple[Pool, Callable[[Tensor, int], Tensor]]] = [
            (MaxPool(), nn.max_pool2d),
            (AveragePool(), nn.avg_pool2d),
        ]
        for pool, expected in pools:
            x = drawn(0, 1, 5, height, width)
            if channels_last:
                x = x.contiguous(memory_format=torch.channels_last)
            y = expected(x.requires_grad_(), 2)
            g = drawn(1, *y.shape)
            (at_x,) = torch.autograd.grad(y, x, g)
            torch.testing.assert_close(pool.forward(x.detach()), y.detach())
            torch.testing.assert_close(pool.backward(g, x.detach()), at_x)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_levels_are_pooled_as_the_numbers_they_stand_for(height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(2)
    levels = torch.randint(0, 256, (1, 5, height, width), dtype=torch.uint8, generator=generator)
    largest, average = MaxPool(), AveragePool()
    assert torch.equal(largest.forward(levels), nn.max_pool2d(levels.double(), 2).to(torch.uint8))
    averages = nn.avg_pool2d(levels.double(), 2)
    assert float((average.forward(levels).double() - averages).abs().max()) <= 1
    g = drawn(1, 1, 5, height // 2, width // 2).to(torch.bfloat16)
    assert torch.equal(largest.backward(g, levels), largest.backward(g, levels.to(torch.bfloat16)))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bfloat16])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_levels_of_a_gradient_go_where_it_goes_but_stop_where_a_relu_has(
    height: int, width: int, dtype: torch.dtype
) -> None:
    x = torch.relu(drawn(0, 1, 5, height, width) * 3 - 2).round().to(dtype)
    g = (drawn(1, 1, 5, height // 2, width // 2) * 50).round().clamp(-127, 127)
    at_x = torch.full(x.shape, 7, dtype=torch.int8)
    MaxPool().backward_through_relu(g.to(torch.int8), x, at_x)
    assert torch.equal(at_x.double(), MaxPool().backward(g, x.double()) * (x > 0))


def test_of_equals_one_alone_has_the_gradient() -> None:
    g = drawn(0, 1, 3, 4, 4)
    back = MaxPool().backward(g, torch.ones(1, 3, 8, 8, dtype=torch.float64))
    assert torch.equal(back[..., ::2, ::2], g)
    assert float(back.abs().sum()) == pytest.approx(float(g.abs().sum()))
