"""The pools of 2 x 2 between the blocks of VGG-19, forward and backward.

The forward pass stores no indices. The backward pass compares the pooled values again:
features after a ReLU, which are never negative, or their quantised values. An odd last row or
column is dropped.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as nn
from torch import Tensor

from core.params import Pooling


class Pool(Protocol):
    """A pool of 2 x 2 with stride 2."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool x: (1, C, H, W) to (1, C, H // 2, W // 2)."""
        ...

    def backward(self, gradient: Tensor, x: Tensor) -> Tensor:
        """Return the gradient with respect to x.

        Args:
            gradient: with respect to the pooled values, shape (1, C, H // 2, W // 2).
            x: the pool's input, shape (1, C, H, W), in any format.

        Returns:
            Shape (1, C, H, W), in the gradient's format.
        """
        ...


class MaxPool:
    """The maximum of four. The gradient goes to the maximum; ties go to the upper left."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool x: (1, C, H, W) to (1, C, H // 2, W // 2)."""
        return torch.maximum(*_columns(torch.maximum(*_rows(x))))

    def backward(self, gradient: Tensor, x: Tensor) -> Tensor:
        """Return the gradient with respect to x."""
        at_x = torch.empty_like(x, dtype=gradient.dtype)
        self._backward(gradient, as_ordered_integers(x), at_x, through_relu=False)
        return at_x

    def backward_through_relu(self, gradient: Tensor, x: Tensor, at_x: Tensor) -> None:
        """Write the gradient with respect to the input of the ReLU that made x.

        Where the maximum is 0, the ReLU blocks the gradient. Applying the ReLU to the pooled
        values is a quarter of the work of applying it to x.

        Args:
            gradient: quantised to int8, shape (1, C, H // 2, W // 2).
            x: the pool's input, features or quantised features, shape (1, C, H, W).
            at_x: the output: int8, of the shape of x.
        """
        self._backward(gradient, as_ordered_integers(x), at_x, through_relu=True)

    @staticmethod
    def _backward(gradient: Tensor, x: Tensor, at_x: Tensor, through_relu: bool) -> None:
        _clear_odd_edge(at_x)
        rows = torch.maximum(*_rows(x))  # (1, C, H // 2, W)
        if through_relu:
            gradient = gradient * relu_mask(torch.maximum(*_columns(rows)))
        at_rows = torch.empty_like(rows, dtype=gradient.dtype)
        _clear_odd_edge(at_rows)
        _route(gradient, _columns(rows), _columns(at_rows))
        _route(at_rows, _rows(x), _rows(at_x))


class AveragePool:
    """The mean of four."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool x: (1, C, H, W) to (1, C, H // 2, W // 2)."""
        if x.dtype is torch.uint8:
            return nn.avg_pool2d(x.to(torch.bfloat16), 2).round_().to(torch.uint8)
        return nn.avg_pool2d(x, 2)

    def backward(self, gradient: Tensor, x: Tensor) -> Tensor:
        """Return the gradient with respect to x."""
        at_x = torch.empty_like(x, dtype=gradient.dtype)
        _clear_odd_edge(at_x)
        for row in _rows(at_x):
            for quarter in _columns(row):
                torch.mul(gradient, 0.25, out=quarter)
        return at_x


def make_pool(pooling: Pooling) -> Pool:
    """Return the pool of that name."""
    match pooling:
        case Pooling.MAX:
            return MaxPool()
        case Pooling.AVERAGE:
            return AveragePool()


def relu_mask(y: Tensor) -> Tensor:
    """Return 1 where a ReLU passed its input on, else 0, as int8.

    Args:
        y: the output of the ReLU, in bfloat16 or quantised.
    """
    # Comparing would be far slower.
    return as_ordered_integers(y).clamp(0, 1).to(torch.int8)


def as_ordered_integers(y: Tensor) -> Tensor:
    """View non-negative bfloat16 numbers as int16, which compare faster and in the same order.

    Args:
        y: non-negative. Formats other than bfloat16 are returned unchanged.
    """
    return y.view(torch.int16) if y.dtype is torch.bfloat16 else y


def _rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """The upper and the lower row of each pair: (1, C, H // 2, W)."""
    return x[..., 0:-1:2, :], x[..., 1::2, :]


def _columns(x: Tensor) -> tuple[Tensor, Tensor]:
    """The left and the right column of each pair: (1, C, H, W // 2)."""
    return x[..., 0:-1:2], x[..., 1::2]


def _route(gradient: Tensor, pair: tuple[Tensor, Tensor], at_pair: tuple[Tensor, Tensor]) -> None:
    """Write the gradient at the larger of each pair, and 0 at the smaller."""
    first, second = pair
    torch.mul(gradient, _second_is_larger(first, second).to(gradient.dtype), out=at_pair[1])
    torch.sub(gradient, at_pair[1], out=at_pair[0])


def _second_is_larger(first: Tensor, second: Tensor) -> Tensor:
    """1 or 0, as integers: a boolean mask would take ten times as long."""
    if first.dtype is torch.int16:  # both are non-negative, so the difference cannot overflow
        return (second - first).clamp_(0, 1)
    return (second > first).view(torch.uint8)


def _clear_odd_edge(x: Tensor) -> None:
    """Set the odd last row and column, which belong to no pair, to 0."""
    height, width = x.shape[2:]
    if height % 2:
        x[..., -1, :] = 0
    if width % 2:
        x[..., -1] = 0
