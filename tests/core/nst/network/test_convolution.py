"""The convolution in plain formats, forward and backward, compared with autograd."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as nn

from core.nst.network.convolution import PlainConvolution
from core.nst.network.pooling import AveragePool, MaxPool, Pool
from core.params import Padding
from tests.core.nst.examples import normal
from tests.core.nst.network.reference import convolve_relu


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize(("height", "width"), [(3, 3), (17, 31), (32, 20)])
@pytest.mark.parametrize("pool", [None, MaxPool(), AveragePool()], ids=["none", "max", "average"])
def test_forward_and_backward_match_autograd_up_to_the_border(
    padding: Padding, height: int, width: int, pool: Pool | None
) -> None:
    weight, bias, x = normal(1, 24, 10, 3, 3), normal(2, 24), normal(3, 1, 10, height, width)
    expected_y = convolve_relu(x.requires_grad_(), weight, bias, padding)
    output = expected_y
    if pool is not None:
        output = (nn.max_pool2d if isinstance(pool, MaxPool) else nn.avg_pool2d)(expected_y, 2)
    gradient = normal(4, *output.shape)
    (expected,) = torch.autograd.grad(output, x, gradient)

    convolution = PlainConvolution(weight, bias, padding)
    y = convolution.forward(x.detach())
    torch.testing.assert_close(y, expected_y.detach())
    torch.testing.assert_close(convolution.backward(gradient.clone(), y, pool), expected)
