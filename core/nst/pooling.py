"""Pools of 2 x 2 between the blocks, forth and back.

Nothing is remembered on the way forth: which of two was the larger is seen again on
the way back, from what was pooled: features after a ReLU, which are not below 0, or their
8-bit levels, where the gradient is in another format than they are. An odd last row or
column is left out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as nn
from torch import Tensor


def max_pool(x: Tensor) -> Tensor:
    """The largest of four: (1, C, H, W) to (1, C, H // 2, W // 2)."""
    return _larger(*_columns(_larger(*_rows(x))))


def max_pool_back(g: Tensor, x: Tensor) -> Tensor:
    """From the gradient of a pool's output, (1, C, H // 2, W // 2), to that of its input x.

    It goes to the largest; of equals, to the upper and the left one.
    """
    x = _comparable(x)
    rows = _larger(*_rows(x))  # (1, C, H // 2, W)
    at_rows = _like(g, rows)
    _share(g, _columns(rows), _columns(at_rows))
    at_x = _like(g, x)
    _share(at_rows, _rows(x), _rows(at_x))
    return at_x


def average_pool(x: Tensor) -> Tensor:
    """The mean of four: (1, C, H, W) to (1, C, H // 2, W // 2)."""
    if x.dtype is torch.uint8:
        return nn.avg_pool2d(x.to(torch.bfloat16), 2).round_().to(torch.uint8)
    return nn.avg_pool2d(x, 2)


def average_pool_back(g: Tensor, x: Tensor) -> Tensor:
    """From the gradient of a pool's output, (1, C, H // 2, W // 2), to that of its input x."""
    at_x = _like(g, x)
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


def _larger(a: Tensor, b: Tensor) -> Tensor:
    return torch.maximum(a, b)


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


def _comparable(x: Tensor) -> Tensor:
    """The same numbers, or whole ones that have their order and are compared faster."""
    return x.view(torch.int16) if x.dtype is torch.bfloat16 else x


def _like(g: Tensor, x: Tensor) -> Tensor:
    """Of the format of g and the shape of x; 0 where no pair is."""
    height, width = x.shape[2:]
    made = torch.empty_like(x, dtype=g.dtype)
    if height % 2:
        made[..., -1, :] = 0
    if width % 2:
        made[..., -1] = 0
    return made
