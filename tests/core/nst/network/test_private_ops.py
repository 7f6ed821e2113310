"""The private operators of torch, compared with documented functions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as nn

from core.nst.network import private_ops as kernels
from tests.core.nst.examples import normal
from tests.core.nst.network.reference import relative_error

#: Other CPUs saturate sums of 8-bit products at 16 bits, and are never given any.
needs_vnni = pytest.mark.skipif(
    not torch.cpu.get_capabilities().get("avx512_vnni"), reason="the CPU has no AVX512-VNNI"
)


def test_relu_backward_blocks_the_gradient_where_the_output_is_0() -> None:
    y, gradient = normal(0, 1, 5, 6, 7).clamp_min(0), normal(1, 1, 5, 6, 7)
    expected = gradient * (y > 0)
    result = kernels.relu_backward(gradient, y)
    assert torch.equal(result, expected)
    assert result.data_ptr() == gradient.data_ptr()


@pytest.mark.parametrize("border", [0, 1])
def test_convolution_backward_matches_autograd(border: int) -> None:
    weight, x = normal(1, 24, 10, 3, 3), normal(3, 1, 10, 17, 31).requires_grad_()
    y = nn.conv2d(x, weight, padding=border)
    gradient = normal(4, *y.shape)
    (expected,) = torch.autograd.grad(y, x, gradient)
    torch.testing.assert_close(kernels.convolution_backward(gradient, weight, border), expected)


@pytest.mark.parametrize("border", [0, 1])
def test_a_reordered_weight_convolves_like_the_weight_itself(border: int) -> None:
    weight, bias, x = normal(1, 24, 10, 3, 3), normal(2, 24), normal(3, 1, 10, 17, 31)
    reordered = kernels.reorder_weight(weight.to(torch.bfloat16), border)
    y = kernels.convolve_relu(
        x.to(torch.bfloat16, memory_format=torch.channels_last),
        *(reordered, bias.to(torch.bfloat16), border),
    )
    assert relative_error(y, nn.conv2d(x, weight, bias, padding=border).clamp_min(0)) < 0.01


@needs_vnni
@pytest.mark.parametrize("border", [0, 1])
def test_8_bit_products_are_summed_exactly(border: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randint(-127, 128, (8, 64, 3, 3), dtype=torch.int8, generator=generator)
    x = torch.randint(0, 256, (1, 64, 9, 11), dtype=torch.uint8, generator=generator)
    weight[0], weight[1] = 127, -127  # with x at its largest, the largest sums there are
    x[..., :4, :4] = 255
    ones = torch.ones(8)
    convolve = kernels.QuantisedConvolution(weight, ones, border)
    y = convolve(
        x.contiguous(memory_format=torch.channels_last),
        *(1.0, ones, torch.zeros(8), torch.float32, "none"),
    )
    assert torch.equal(y.double(), nn.conv2d(x.double(), weight.double(), padding=border))


def test_8_bit_results_saturate_at_0_and_255() -> None:
    weight = torch.zeros(1, 1, 3, 3, dtype=torch.int8)
    weight[..., 1, 1] = 1
    x = torch.tensor([[[[0, 100, 200]]]], dtype=torch.uint8)
    convolve = kernels.QuantisedConvolution(weight, torch.ones(1), border=1)
    y = convolve(
        x.contiguous(memory_format=torch.channels_last),
        *(1.0, torch.tensor([2.0]), torch.tensor([-50.0]), torch.uint8, "none"),
    )
    assert y.flatten().tolist() == [0, 150, 255]
