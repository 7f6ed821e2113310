"""One convolution of the network with its ReLU, forth and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as nn
from torch import Tensor
from torch.linalg import vector_norm as norm

#: The kernels for 8 bits want levels from 0 to 255: zero is here for what has a sign.
_MIDDLE = 128
_LARGEST = 127

#: The largest level stands for so many times the root of the mean of the squares of a
#: gradient; what is beyond is cut off. Measured (bench/README.md).
_REACH = 24


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

    def back(self, g: Tensor, y: Tensor) -> Tensor:
        """From the gradient of what was made, (1, out, H', W'), to the input's, (1, in, H, W).

        Args:
            g: the gradient; may be written over.
            y: what was made.
        """
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


class Int8BackConvolution(Convolution):
    """The same, with 8 bits on the way back: that takes half as long with VNNI.

    Departure: the gradient is computed less exactly than the features. Its error is next
    to nothing beside the one that bfloat16 features make already (bench/README.md).
    Products are added up exactly.

    Args:
        weight, bias, border: as above.
        way_back: of the same weight and border.
    """

    def __init__(self, weight: Tensor, bias: Tensor, border: int, way_back: WayBack) -> None:
        super().__init__(weight, bias, border)
        self._way_back = way_back

    def back(self, g: Tensor, y: Tensor) -> Tensor:
        """As above."""
        return self._way_back(g, y)


class Int8Convolution(Int8BackConvolution):
    """The same with 8 bits both ways: four times as fast as float32 with VNNI.

    What only the next convolution looks at is made of levels from 0 to 255; what
    others look at, too, stays in bfloat16.

    Departure: features are rounded to 8 bits, too. What they are compared with has to be
    made by the same convolutions, or the rounding of their weights would count as a
    difference (bench/README.md).

    Args:
        weight, bias, border, way_back: as above.
        given: what a level of each channel of the input stands for, shape (in,).
        made: what a level of each channel stands for, shape (out,), if levels are to be made.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        border: int,
        way_back: WayBack,
        given: Tensor,
        made: Tensor | None,
    ) -> None:
        super().__init__(weight, bias, border, way_back)
        given = given.to(weight.dtype).view(1, -1, 1, 1)
        self._per_level = 1 / given
        self._kernel = Kernel(weight * given, border)
        level = torch.ones(len(bias)) if made is None else made
        self._steps, self._bias_per_level = self._kernel.steps / level, bias / level
        self._made = torch.bfloat16 if made is None else torch.uint8

    def __call__(self, x: Tensor) -> Tensor:
        """From numbers or levels, (1, in, H, W), to (1, out, H', W')."""
        if x.dtype is not torch.uint8:
            # With a half more, cutting off the fraction is rounding.
            x = (x * self._per_level).add_(0.5).clamp_(max=255)
            x = _whole(x).to(torch.uint8)
        return self._kernel(x, 1.0, self._steps, self._bias_per_level, self._made, "relu")


class Kernel:
    """A convolution of 3 x 3 in 8 bits: weights as levels from -127 to 127.

    By oneDNN's quantised convolution, which torch has on the CPU.

    Args:
        weight: shape (out, in, 3, 3).
        border: how many zeros there are around what it is given.
    """

    def __init__(self, weight: Tensor, border: int) -> None:
        # A step between levels for each channel; one without any weight has nothing to round.
        largest = weight.abs().amax((1, 2, 3)).float()
        self.steps = (largest / _LARGEST).clamp_min(torch.finfo().tiny)
        levels = (weight.float() / self.steps.view(-1, 1, 1, 1)).round_()
        #: What an input of ones makes of each channel, far from the border.
        self.of_ones = levels.sum((1, 2, 3)) * self.steps
        self._zeros = torch.zeros(len(self.steps), dtype=torch.int32)
        #: Stride, padding, dilation and groups.
        self._shape = ([1, 1], [border, border], [1, 1], 1)
        self._packed = torch.ops.onednn.qconv_prepack(
            levels.to(torch.int8), self.steps, 1.0, 0, *self._shape, None
        )

    def __call__(
        self,
        levels: Tensor,
        step: float,
        steps: Tensor,
        bias: Tensor,
        made: torch.dtype,
        then: Literal["none", "relu"],
    ) -> Tensor:
        """The convolution of unsigned levels.

        Args:
            levels: shape (1, in, H, W).
            step: what one of them stands for.
            steps: what one of the weights' stands for, by channel: (out,).
            bias: in float32, shape (out,).
            made: the format of what is given; levels are cut off at 0 and 255.
            then: what is done to it.
        """
        y: Tensor = torch.ops.onednn.qconv2d_pointwise(
            *(levels, step, 0),
            *(self._packed, steps, self._zeros, bias, *self._shape),
            *(1.0, 0, made, then, [], ""),
        )
        return y


@dataclass(frozen=True)
class WayBack:
    """From the gradient of a convolution's features to that of its input, in 8 bits."""

    _kernel: Kernel
    _edge: int

    @classmethod
    def of(cls, weight: Tensor, border: int) -> WayBack:
        """That of a convolution of such a weight, (out, in, 3, 3), and border."""
        # The gradient of a convolution is one with the weight turned about (full correlation).
        turned = weight.flip(2, 3).transpose(0, 1)  # (in, out, 3, 3)
        return cls(Kernel(turned, 0), 2 - border)

    def __call__(self, g: Tensor, y: Tensor) -> Tensor:
        """From the gradient, (1, out, H', W'), where y is above 0, to (1, in, H, W).

        Args:
            g: the gradient; written over.
            y: the features, or their levels.
        """
        # By rows first, which is done in parallel.
        spread = float(norm(norm(g, dim=(1, 3)))) / math.sqrt(g.numel())
        step = max(_REACH * spread / _LARGEST, torch.finfo().tiny)
        # In place, because new memory costs more than the arithmetic. All are within int16: of
        # N numbers none is above sqrt(N) times the root of the mean of their squares.
        levels = _whole(g.mul_(1 / step).round_()).clamp_(-_LARGEST, _LARGEST)
        levels = self._framed(levels, y)
        # Takes off what the shift adds, the same everywhere.
        bias = self._kernel.of_ones * (-_MIDDLE * step)
        return self._kernel(levels, step, self._kernel.steps, bias, torch.bfloat16, "none")

    def _framed(self, levels: Tensor, y: Tensor) -> Tensor:
        """Shifted to above 0, with as much of zero around them as a full correlation sees."""
        edge = self._edge
        batch, out, height, width = levels.shape
        framed = torch.empty(
            (batch, out, height + 2 * edge, width + 2 * edge),
            dtype=torch.int8,
            memory_format=torch.channels_last,
        )
        for border in (slice(edge), slice(-edge, None)):
            framed[..., border, :] = framed[..., border] = 0
        inside = framed[..., edge:-edge, edge:-edge]
        inside.copy_(levels).mul_(_positive(y))  # ReLU
        return framed.view(torch.uint8).bitwise_xor_(_MIDDLE)


def _whole(x: Tensor) -> Tensor:
    """Whole numbers in bfloat16 as int16, written over; to other formats it is far slower."""
    return x.view(torch.int16).copy_(x)


def _positive(y: Tensor) -> Tensor:
    """1 where there is more than 0, else 0, in int8; a comparison would be far slower."""
    whole = y if y.dtype is torch.uint8 else y.view(torch.int16)
    return whole.clamp(0, 1).to(torch.int8)
