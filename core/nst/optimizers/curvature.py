"""The diagonal of the Hessian, estimated from the steps that L-BFGS has made.

The loss curves more in some parts of a picture than in others. With one step length for all
pixels, the part that curves most sets the pace.

Departure: L-BFGS starts from an estimated inverse of the Hessian's diagonal instead of a single
number. Gilbert and Lemaréchal, "Some numerical experiments with variable-storage quasi-Newton
algorithms" (1989), update a diagonal; here it is a quotient of means. With it, the same loss
takes up to a third fewer steps (bench/attempts.md).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as nn
from torch import Tensor

from core.nst.optimizers.planes import planes

#: The side of the squares over which means are taken: a pair says little about a single pixel.
_SQUARE = 8
#: The weight of the earlier pairs when a new one is added.
_DECAY = 0.5
#: Added to each square, relative to the mean of all: a pair says little below it. With less,
#: single squares took steps so much longer than the rest that they came out in colours that are
#: in neither picture.
_FLOOR = 0.03


class Curvature:
    """The diagonal B of the Hessian, estimated from pairs with y = B s. Immutable.

    B = sqrt(mean y^2 / mean s^2), with means over squares of pixels and over the pairs, of which
    later ones weigh more. Each pair is first divided by its own mean, so B is relative; gamma of
    H_0 gives it its scale.

    Args:
        means: the :attr:`means` of an earlier estimate.
    """

    def __init__(self, means: Tensor | None = None) -> None:
        #: Mean squares of y and of s, shape (2, C, ceil(H / 8), ceil(W / 8)). None before the
        #: first pair.
        self.means = means

    def with_pair(self, s: Tensor, y: Tensor) -> Curvature:
        """Return the estimate after a change s of the image changed the gradient by y.

        Args:
            s, y: shape (1, C, H, W).
        """
        return self.with_means(means_of(s, y))

    def with_means(self, latest: Tensor) -> Curvature:
        """Return the estimate after a pair with these :func:`means_of` it."""
        return Curvature(latest if self.means is None else latest.lerp(self.means, _DECAY))

    def inverse_root(self, height: int, width: int) -> Tensor:
        """Return B^(-1/2) of each pixel, shape (1, C, height, width); 1 before the first pair."""
        if self.means is None:
            return torch.ones(())
        root = (self.means[1:] / self.means[:1]) ** 0.25
        return nn.interpolate(root, (height, width), mode="bilinear")


def means_of(s: Tensor, y: Tensor) -> Tensor:
    """Return the relative mean squares of a pair: shape (2, C, ceil(H / 8), ceil(W / 8))."""
    height, width = (math.ceil(side / _SQUARE) for side in s.shape[2:])

    def mean_squares(image: Tensor) -> Tensor:
        parts = [
            nn.adaptive_avg_pool2d(part.square(), (height, width)) for (part,) in planes(image)
        ]
        return torch.cat(parts, 1)

    means = torch.cat([mean_squares(y), mean_squares(s)])
    return means / means.mean((1, 2, 3), keepdim=True) + _FLOOR
