"""Kernels that PyTorch exposes only through private operators.

This is the one module that calls ``torch.ops`` and ``torch._C``: for gradients without autograd,
and for oneDNN's fused and quantised convolutions on the CPU. Tried with torch 2.11 and 2.15 on x86.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

#: The largest quantised weight; weights are symmetric around 0.
LARGEST = 127


def relu_backward(gradient: Tensor, y: Tensor) -> Tensor:
    """Return the gradient by a ReLU's input: 0 where its output y is 0. Overwrites the gradient."""
    at_x: Tensor = torch.ops.aten.threshold_backward.grad_input(gradient, y, 0, grad_input=gradient)
    return at_x


def convolution_backward(gradient: Tensor, weight: Tensor, border: int) -> Tensor:
    """Return the gradient by a convolution's input.

    Args:
        gradient: by its output, shape (1, out, H, W).
        weight: shape (out, in, 3, 3).
        border: zeros around its input.

    Returns:
        Shape (1, in, H + 2 - 2 * border, W + 2 - 2 * border).
    """
    grown = 2 - 2 * border
    height, width = gradient.shape[2:]
    x = torch.empty(  # only the shape of the input matters
        (len(gradient), weight.shape[1], height + grown, width + grown),
        dtype=gradient.dtype,
        device=gradient.device,
        memory_format=torch.channels_last,
    )
    one = (1, 1)
    at_x: Tensor
    (at_x, _, _) = torch.ops.aten.convolution_backward(
        *(gradient, x, weight, None, one, (border, border), one, False, (0, 0), 1),
        (True, False, False),
    )
    return at_x


def reorder_weight(weight: Tensor, border: int) -> Tensor:
    """Return a weight in the layout that the processor prefers, for :func:`convolve_relu`.

    Args:
        weight: bfloat16, shape (out, in, 3, 3).
        border: zeros around the input.
    """
    reorder = torch._C._nn.mkldnn_reorder_conv2d_weight
    packed: Tensor = reorder(weight.to_mkldnn(), *_padding_first(border))
    return packed


def convolve_relu(x: Tensor, reordered: Tensor, bias: Tensor, border: int) -> Tensor:
    """Return the convolution and its ReLU, fused: (1, in, H, W) to (1, out, H', W')."""
    y: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, reordered, bias, *_padding_first(border), "relu", [], ""
    )
    return y


class QuantisedConvolution:
    """A convolution of 3 x 3 of unsigned by signed 8-bit integers, summed exactly.

    Args:
        weight: quantised, int8, shape (out, in, 3, 3).
        weight_scale: the value of one unit of the weight by output channel, shape (out,).
        border: zeros around the input.
    """

    def __init__(self, weight: Tensor, weight_scale: Tensor, border: int) -> None:
        self._zeros = torch.zeros(len(weight), dtype=torch.int32)
        #: Stride, padding, dilation and groups.
        self._shape = ([1, 1], [border, border], [1, 1], 1)
        self._packed = torch.ops.onednn.qconv_prepack(
            weight, weight_scale, 1.0, 0, *self._shape, None
        )

    def __call__(
        self,
        x: Tensor,
        x_scale: float,
        weight_scale: Tensor,
        bias: Tensor,
        dtype: torch.dtype,
        activation: Literal["none", "relu"],
    ) -> Tensor:
        """Return the convolution.

        Args:
            x: uint8, shape (1, in, H, W).
            x_scale: the value of one unit of x.
            weight_scale: the value of one unit of the weight by output channel, shape (out,).
            bias: float32, shape (out,).
            dtype: the format of the result; uint8 saturates at 0 and 255.
            activation: applied to the result.
        """
        y: Tensor = torch.ops.onednn.qconv2d_pointwise(
            *(x, x_scale, 0),
            *(self._packed, weight_scale, self._zeros, bias, *self._shape),
            *(1.0, 0, dtype, activation, [], ""),
        )
        return y


def _padding_first(border: int) -> tuple[list[int], list[int], list[int], int]:
    """Padding, stride, dilation and groups, in the order of the mkldnn operators."""
    return [border, border], [1, 1], [1, 1], 1
