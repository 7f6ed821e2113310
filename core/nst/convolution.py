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

    def back(self, g: Tensor) -> Tensor:
        """From the gradient before the ReLU, (1, out, H', W'), to the input's, (1, in, H, W).

        What is given may be written over.
        """
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

    def back(self, g: Tensor) -> Tensor:
        """From the gradient before the ReLU, (1, out, H', W'), to the input's, (1, in, H, W)."""
        spread = float(torch.linalg.vector_norm(g)) / math.sqrt(g.numel())
        step = max(_REACH * spread / _LARGEST, torch.finfo().tiny)
        # In place, because new memory costs more than the arithmetic.
        torch.add(g.new_tensor(_MIDDLE), g, alpha=1 / step, out=g)
        g.round_().clamp_(_MIDDLE - _LARGEST, _MIDDLE + _LARGEST)
        levels = self._framed(g)  # (1, out, H + 2, W + 2)
        # Takes off what the shift has added, the same everywhere.
        bias = self._of_ones * (-_MIDDLE * step)
        back: Tensor = torch.ops.onednn.qconv2d_pointwise(
            *(levels, step, 0),
            *(self._kernel, self._steps, self._zeros, bias, *_PLAIN),
            *(1.0, 0, torch.bfloat16, "none", [], ""),
        )
        return back

    def _framed(self, levels: Tensor) -> Tensor:
        """In 8 bits, and with as much of zero around them as a full correlation sees."""
        edge = 2 - self._border
        batch, out, height, width = levels.shape
        framed = torch.empty(
            (batch, out, height + 2 * edge, width + 2 * edge),
            dtype=torch.uint8,
            memory_format=torch.channels_last,
        )
        for border in (slice(edge), slice(-edge, None)):
            framed[..., border, :] = framed[..., border] = _MIDDLE
        # By way of int16, in place too: four times as fast as at once.
        framed[..., edge:-edge, edge:-edge] = levels.view(torch.int16).copy_(levels)
        return framed
