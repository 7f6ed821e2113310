"""Convolutions in 8 bits, which only CPUs have here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal

import torch
from torch import Tensor
from torch.linalg import vector_norm as norm

from core.nst.network.convolution import PackedConvolution
from core.nst.network.pooling import MaxPool, Pool
from core.nst.network.relu import passed

#: The kernels for 8 bits want levels from 0 to 255: zero is here for what has a sign.
_MIDDLE = 128
_LARGEST = 127

#: The largest level stands for so many times the root of the mean of the squares of a
#: gradient; what is beyond is cut off. Measured (bench/README.md).
_REACH = 24


class Int8BackConvolution(PackedConvolution):
    """A convolution with 8 bits on the way back: that takes half as long with VNNI.

    Departure: the gradient is computed less exactly than the features. Its error is next
    to nothing beside the one that bfloat16 features make already (bench/README.md).
    Products are added up exactly.

    Args:
        weight, bias, border: of :class:`core.nst.network.convolution.Convolution`.
        way_back: of the same weight and border.
    """

    def __init__(self, weight: Tensor, bias: Tensor, border: int, way_back: WayBack) -> None:
        super().__init__(weight, bias, border)
        self._way_back = way_back

    def back(self, g: Tensor, y: Tensor, pool: Pool | None = None) -> Tensor:
        """As :meth:`core.nst.network.convolution.Convolution.back`."""
        if pool is None or isinstance(pool, MaxPool):
            return self._way_back(g, y, pool)
        return self._way_back(pool.back(g, y), y)  # a quarter of a level is none


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
        self._per_level, self._half = 1 / given, torch.full_like(given, 0.5)
        self._kernel = Kernel(weight * given, border)
        level = torch.ones(len(bias)) if made is None else made
        self._steps, self._bias_per_level = self._kernel.steps / level, bias / level
        self._made = torch.bfloat16 if made is None else torch.uint8

    def __call__(self, x: Tensor) -> Tensor:
        """From numbers or levels, (1, in, H, W), to (1, out, H', W')."""
        if x.dtype is not torch.uint8:
            # With a half more, cutting off the fraction is rounding.
            x = torch.addcmul(self._half, x, self._per_level).clamp_(max=255)
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
        levels = _rounded(weight.float() / self.steps.view(-1, 1, 1, 1))
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

    def __call__(self, g: Tensor, y: Tensor, pool: MaxPool | None = None) -> Tensor:
        """From the gradient, (1, out, H', W'), where y is above 0, to (1, in, H, W).

        Args:
            g: the gradient; written over.
            y: the features, or their levels.
            pool: what has pooled them, if g is the gradient of what came out there. It hands
                on levels as well as numbers, and there are a quarter as many to be rounded.
        """
        # By rows first, which is done in parallel.
        spread = float(norm(norm(g, dim=(1, 3)))) / math.sqrt(y.numel())
        step = max(_REACH * spread / _LARGEST, torch.finfo().tiny)
        # In place, because new memory costs more than the arithmetic. All are within int16: of
        # N numbers none is above sqrt(N) times the root of the mean of their squares.
        levels = _whole(g.mul_(1 / step).round_()).clamp_(-_LARGEST, _LARGEST)
        framed = self._frame(y)
        inside = framed[..., self._edge : -self._edge, self._edge : -self._edge]
        if pool is None:
            inside.copy_(levels).mul_(passed(y))  # ReLU
        else:
            pool.levels_back(levels.to(torch.int8), y, inside)
        # Takes off what the shift to above 0 adds, the same everywhere.
        bias = self._kernel.of_ones * (-_MIDDLE * step)
        levels = framed.view(torch.uint8).bitwise_xor_(_MIDDLE)
        return self._kernel(levels, step, self._kernel.steps, bias, torch.bfloat16, "none")

    def _frame(self, y: Tensor) -> Tensor:
        """Room for levels at y, and as much of zero around them as a full correlation sees."""
        edge = self._edge
        batch, out, height, width = y.shape
        framed = torch.empty(
            (batch, out, height + 2 * edge, width + 2 * edge),
            dtype=torch.int8,
            memory_format=torch.channels_last,
        )
        for border in (slice(edge), slice(-edge, None)):
            framed[..., border, :] = framed[..., border] = 0
        return framed


def _rounded(levels: Tensor) -> Tensor:
    """Weights to whole levels, so that the nine of a filter keep their sum to half a level.

    What rounding one adds is taken off the next. Neighbouring pixels are much alike, so that
    the sum counts most: rounded each by itself, they err ten times as much (bench/README.md).
    """
    whole, rest = torch.empty_like(levels), torch.zeros_like(levels[..., 0, 0])
    for row, column in product(range(3), repeat=2):
        rest += levels[..., row, column]  # (out, in)
        rounded = rest.round().clamp_(-_LARGEST, _LARGEST)
        whole[..., row, column] = rounded
        rest -= rounded
    return whole


def _whole(x: Tensor) -> Tensor:
    """Whole numbers in bfloat16 as int16, written over; to other formats it is far slower."""
    return x.view(torch.int16).copy_(x)
