"""Pools of 2 x 2 between the blocks, forth and back.

Nothing is remembered on the way forth: which of two was the larger is seen again on
the way back, from what was pooled: features after a ReLU, which are not below 0, or their
8-bit levels, where the gradient is in another format than they are. An odd last row or
column is left out.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as nn
from torch import Tensor

from core.nst.network.relu import comparable, passed


class Pool(Protocol):
    """Makes one of four, and says what that means for their gradient."""

    def __call__(self, x: Tensor) -> Tensor:
        """From (1, C, H, W) to (1, C, H // 2, W // 2)."""
        ...

    def back(self, g: Tensor, x: Tensor) -> Tensor:
        """From the gradient of what was made, (1, C, H // 2, W // 2), to that of the input x."""
        ...


class MaxPool:
    """The largest of four. Its gradient goes to the largest; of equals, to the upper left."""

    def __call__(self, x: Tensor) -> Tensor:
        """From (1, C, H, W) to (1, C, H // 2, W // 2)."""
        return torch.maximum(*_columns(torch.maximum(*_rows(x))))

    def back(self, g: Tensor, x: Tensor) -> Tensor:
        """From the gradient of what was made, (1, C, H // 2, W // 2), to that of the input x."""
        at_x = torch.empty_like(x, dtype=g.dtype)
        self._back(g, comparable(x), at_x, through_relu=False)
        return at_x

    def levels_back(self, levels: Tensor, x: Tensor, at_x: Tensor) -> None:
        """The same for a gradient in whole numbers, which goes on through the ReLU before x.

        Where the largest is 0 the ReLU let nothing pass: seen here, that is a quarter of the work.

        Args:
            levels: the gradient, in int8.
            x: features, or their levels.
            at_x: is written to: int8, of the shape of x.
        """
        self._back(levels, comparable(x), at_x, through_relu=True)

    @staticmethod
    def _back(g: Tensor, x: Tensor, at_x: Tensor, through_relu: bool) -> None:
        _clear_rest(at_x)
        rows = torch.maximum(*_rows(x))  # (1, C, H // 2, W)
        if through_relu:
            g = g * passed(torch.maximum(*_columns(rows)))
        at_rows = torch.empty_like(rows, dtype=g.dtype)
        _clear_rest(at_rows)
        _share(g, _columns(rows), _columns(at_rows))
        _share(at_rows, _rows(x), _rows(at_x))


class AveragePool:
    """The mean of four."""

    def __call__(self, x: Tensor) -> Tensor:
        """From (1, C, H, W) to (1, C, H // 2, W // 2)."""
        if x.dtype is torch.uint8:
            return nn.avg_pool2d(x.to(torch.bfloat16), 2).round_().to(torch.uint8)
        return nn.avg_pool2d(x, 2)

    def back(self, g: Tensor, x: Tensor) -> Tensor:
        """From the gradient of what was made, (1, C, H // 2, W // 2), to that of the input x."""
        at_x = torch.empty_like(x, dtype=g.dtype)
        _clear_rest(at_x)
        for row in _rows(at_x):
            for quarter in _columns(row):
                torch.mul(g, 0.25, out=quarter)
        return at_x


def _rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """The upper and the lower row of each pair: (1, C, H // 2, W)."""
    return x[..., 0:-1:2, :], x[..., 1::2, :]


def _columns(x: Tensor) -> tuple[Tensor, Tensor]:
    """The left and the right column of each pair: (1, C, H, W // 2)."""
    return x[..., 0:-1:2], x[..., 1::2]


def _share(g: Tensor, given: tuple[Tensor, Tensor], to: tuple[Tensor, Tensor]) -> None:
    """Write the gradient of the larger of two to where it came from, and 0 to the other."""
    first, second = given
    torch.mul(g, _won(first, second).to(g.dtype), out=to[1])
    torch.sub(g, to[1], out=to[0])


def _won(first: Tensor, second: Tensor) -> Tensor:
    """1 where the second is larger, else 0, as whole numbers: bool would be ten times as slow."""
    if first.dtype is torch.int16:  # none is below 0, so that no difference is too large
        return (second - first).clamp_(0, 1)
    return (second > first).view(torch.uint8)


def _clear_rest(x: Tensor) -> None:
    """0 where no pair is."""
    height, width = x.shape[2:]
    if height % 2:
        x[..., -1, :] = 0
    if width % 2:
        x[..., -1] = 0
