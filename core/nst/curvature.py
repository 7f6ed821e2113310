"""How steeply the loss curves at each pixel, as L-BFGS's own steps have shown it.

The loss does not curve alike all over a picture, and with one step length for all of
it, where it curves most sets the pace.

Departure: L-BFGS starts from the inverse of the Hessian's diagonal, as far as it is
known, instead of from one number. Gilbert and Lemaréchal, "Some numerical experiments
with variable-storage quasi-Newton algorithms" (1989), do so by updates of a diagonal;
here it is a quotient of means. With it, the same loss takes a quarter fewer steps
(bench/README.md).
"""

from __future__ import annotations

import torch
import torch.nn.functional as nn
from torch import Tensor

#: A pair's diagonal says little by itself, that of a neighbourhood of so many pixels more.
_AROUND = 8
#: How much of what the pairs before have said stays when one is added.
_KEPT = 0.5
#: Of a pair's mean square: below it is what rounding makes.
_FLOOR = 1e-3


class Curvature:
    """The diagonal of the Hessian, B, estimated from pairs with y = B s.

    B = sqrt(mean y^2 / mean s^2): the means are taken around each pixel, and over the
    pairs, of which the later count for more. Each pair is divided by its own mean
    first, so that B is relative: gamma of H_0 gives it its size. Nothing is changed in
    place.

    Args:
        means: what :attr:`means` was.
    """

    def __init__(self, means: Tensor | None = None) -> None:
        #: Mean squares of y and of s: shape (2, C, H, W). None while there was no pair.
        self.means = means
        self._root = None if means is None else (means[1:] / means[:1]) ** 0.25

    def with_pair(self, s: Tensor, y: Tensor) -> Curvature:
        """What it is when a change s of the picture has changed the gradient by y.

        Args:
            s, y: shape (1, C, H, W).
        """
        squares = torch.cat([y, s]).square()  # (2, C, H, W)
        relative = squares / squares.mean((1, 2, 3), keepdim=True)
        latest = _blurred(relative) + _FLOOR
        return Curvature(latest if self.means is None else latest.lerp(self.means, _KEPT))

    def unscale(self, vector: Tensor) -> Tensor:
        """B^(-1/2) times a vector of shape (1, C, H, W), or the vector, if B is unknown."""
        return vector if self._root is None else self._root * vector


def _blurred(picture: Tensor) -> Tensor:
    """Of the same shape, each pixel the mean of those around it."""
    size = picture.shape[2:]
    around = max(1, min(_AROUND, min(size) // 4))
    means = nn.avg_pool2d(picture, around, ceil_mode=True)
    return nn.interpolate(means, size, mode="bilinear")
