"""One convolution of the network with its ReLU, forth and back."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as nn
from torch import Tensor

#: The kernels for 8 bits want levels from 0 to 255: zero is here for what has a sign.
_MIDDLE = 128
_LARGEST = 127

#: The largest level stands for so many times the root of the mean of the squares of a
#: gradient; what is beyond is cut off. Measured, of 8 to 48 (bench/README.md).
_REACH = 32

#: Stride, padding, dilation and groups of a convolution of what has its frame already.
_PLAIN = ([1, 1], [0, 0], [1, 1], 1)


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

    def back(self, g: Tensor, x: Tensor) -> Tensor:
        """From the gradient before the ReLU, (1, out, H', W'), to that of x, (1, in, H, W).

        Of x, only the shape counts.
        """
        border = (self._border, self._border)
        (g, _, _) = torch.ops.aten.convolution_backward(
            g, x, self._weight, None, (1, 1), border, (1, 1), False, (0, 0), 1, (True, False, False)
        )
        return g


class Int8Convolution(Convolution):
    """The same, with the factors of the way back rounded to 8 bits: twice as fast with VNNI.

    Departure: the gradient is computed less exactly than the features. Its error is next
    to nothing beside the one that bfloat16 features make already; features in 8 bits
    would multiply that by six (bench/README.md). Products are added up exactly.

    By oneDNN's quantised convolution, which torch has on the CPU.
    """

    def __init__(self, weight: Tensor, bias: Tensor, border: int) -> None:
        super().__init__(weight, bias, border)
        # The gradient of a convolution is one with the weight turned about (full correlation).
        turned = weight.float().flip(2, 3).transpose(0, 1)  # (in, out, 3, 3)
        # A step between levels for each channel; one without any weight has nothing to round.
        self._steps = (turned.abs().amax((1, 2, 3)) / _LARGEST).clamp_min(torch.finfo().tiny)
        levels = (turned / self._steps.view(-1, 1, 1, 1)).round()
        self._of_ones = levels.sum((1, 2, 3)) * self._steps
        self._zeros = torch.zeros(len(self._steps), dtype=torch.int32)
        self._kernel = torch.ops.onednn.qconv_prepack(
            levels.to(torch.int8), self._steps, 1.0, 0, *_PLAIN, None
        )

    def back(self, g: Tensor, x: Tensor) -> Tensor:
        """From the gradient before the ReLU, (1, out, H', W'), to that of x, (1, in, H, W)."""
        spread = float(torch.linalg.vector_norm(g)) / math.sqrt(g.numel())
        step = max(_REACH * spread / _LARGEST, torch.finfo().tiny)
        shifted = torch.add(g.new_tensor(_MIDDLE), g, alpha=1 / step)
        levels = shifted.round_().clamp_(_MIDDLE - _LARGEST, _MIDDLE + _LARGEST)
        # By way of int16: four times as fast as at once.
        levels = levels.to(torch.int16).to(torch.uint8)
        edge = (x.shape[-1] - g.shape[-1]) // 2 + 1
        levels = nn.pad(levels, [edge] * 4, value=_MIDDLE)  # (1, out, H + 2, W + 2)
        # Takes off what the shift has added, the same everywhere.
        bias = self._of_ones * (-_MIDDLE * step)
        back: Tensor = torch.ops.onednn.qconv2d_pointwise(
            *(levels, step, 0),
            *(self._kernel, self._steps, self._zeros, bias, *_PLAIN),
            *(1.0, 0, torch.bfloat16, "none", [], ""),
        )
        return back
