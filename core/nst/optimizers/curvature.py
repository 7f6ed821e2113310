"""How steeply the loss curves at each pixel, as L-BFGS's own steps have shown it.

The loss does not curve alike all over a picture, and with one step length for all of
it, where it curves most sets the pace.

Departure: L-BFGS starts from the inverse of the Hessian's diagonal, as far as it is
known, instead of from one number. Gilbert and Lemaréchal, "Some numerical experiments
with variable-storage quasi-Newton algorithms" (1989), do so by updates of a diagonal;
here it is a quotient of means. With it, the same loss takes up to a third fewer
steps (bench/README.md).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as nn
from torch import Tensor

#: The side of the squares that it is known for: a pair says little of a single pixel.
_SQUARE = 8
#: How much of what the pairs before have said stays when one is added.
_KEPT = 0.5
#: What is added to each square, of the mean of all: a pair says little below it. With less,
#: single squares took steps so much longer than all others that they came out in colours which
#: are in neither picture.
_FLOOR = 0.03


class Curvature:
    """The diagonal of the Hessian, B, estimated from pairs with y = B s.

    B = sqrt(mean y^2 / mean s^2): the means are taken over squares of pixels, and over the
    pairs, of which the later count for more. Each pair is divided by its own mean
    first, so that B is relative: gamma of H_0 gives it its size. Nothing is changed in
    place.

    Args:
        means: what :attr:`means` was.
    """

    def __init__(self, means: Tensor | None = None) -> None:
        #: Mean squares of y and of s: shape (2, C, ceil(H / 8), ceil(W / 8)). None while
        #: there was no pair.
        self.means = means

    def with_pair(self, s: Tensor, y: Tensor) -> Curvature:
        """What it is when a change s of the picture has changed the gradient by y.

        Args:
            s, y: shape (1, C, H, W).
        """
        height, width = (math.ceil(side / _SQUARE) for side in s.shape[2:])
        means = nn.adaptive_avg_pool2d(torch.cat([y, s]).square(), (height, width))
        latest = means / means.mean((1, 2, 3), keepdim=True) + _FLOOR
        return Curvature(latest if self.means is None else latest.lerp(self.means, _KEPT))

    def inverse_root(self, height: int, width: int) -> Tensor:
        """B^(-1/2) of each pixel, shape (1, C, height, width), or one 1, if B is unknown."""
        if self.means is None:
            return torch.ones(())
        root = (self.means[1:] / self.means[:1]) ** 0.25
        return nn.interpolate(root, (height, width), mode="bilinear")
