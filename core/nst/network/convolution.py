"""One convolution of the network with its ReLU, forth and back."""

from __future__ import annotations

from functools import cached_property

import torch
import torch.nn.functional as nn
from torch import Tensor

from core.nst.network.pooling import Pool


class Convolution:
    """A convolution of 3 x 3 and a ReLU, in the number format of its weight.

    Args:
        weight: shape (out, in, 3, 3).
        bias: shape (out,).
        border: how many zeros there are around what it is given.
    """

    def __init__(self, weight: Tensor, bias: Tensor, border: int) -> None:
        # channels_last is the layout that convolutions are fastest in.
        self._weight = weight.contiguous(memory_format=torch.channels_last)
        self._bias = bias
        self._border = border

    def __call__(self, x: Tensor) -> Tensor:
        """From (1, in, H, W) to (1, out, H', W')."""
        return nn.relu(nn.conv2d(x, self._weight, self._bias, padding=self._border), inplace=True)

    def back(self, g: Tensor, y: Tensor, pool: Pool | None = None) -> Tensor:
        """From the gradient of what was made, (1, out, H', W'), to the input's, (1, in, H, W).

        Args:
            g: the gradient; may be written over.
            y: what was made.
            pool: what has pooled that, if g is the gradient of what came out there.
        """
        if pool is not None:
            g = pool.back(g, y)
        g = torch.ops.aten.threshold_backward.grad_input(g, y, 0, grad_input=g)  # ReLU
        border = (self._border, self._border)
        grown = 2 - 2 * self._border
        x = torch.empty(  # of the input, only the shape counts
            (len(g), self._weight.shape[1], g.shape[2] + grown, g.shape[3] + grown),
            dtype=g.dtype,
            device=g.device,
            memory_format=torch.channels_last,
        )
        (g, _, _) = torch.ops.aten.convolution_backward(
            g, x, self._weight, None, (1, 1), border, (1, 1), False, (0, 0), 1, (True, False, False)
        )
        return g


class PackedConvolution(Convolution):
    """The same by oneDNN, in one piece with its ReLU.

    Args:
        weight, bias, border: as above, in bfloat16, on a CPU that has units for it.
    """

    def __init__(self, weight: Tensor, bias: Tensor, border: int) -> None:
        super().__init__(weight, bias, border)
        #: Padding, stride, dilation and groups.
        self._shape = ([border, border], [1, 1], [1, 1], 1)

    def __call__(self, x: Tensor) -> Tensor:
        """As above."""
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._packed, self._bias, *self._shape, "relu", [], ""
        )
        return y

    @cached_property
    def _packed(self) -> Tensor:
        """The weight in the order that the processor wants, which would be made anew each time."""
        reorder = torch._C._nn.mkldnn_reorder_conv2d_weight
        packed: Tensor = reorder(self._weight.to_mkldnn(), *self._shape)
        return packed
