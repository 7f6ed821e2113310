"""The content and total variation losses and their gradients, as pure functions.

In the paper's notation (section 2), ``F`` are the features of the generated image at one layer,
``P`` those of the content image, as matrices of C filters by M = H * W positions. The style loss is
in :mod:`core.nst.style`.

Departure: the paper sums squared differences and divides by constants. Here all terms are means,
as in the first author's later code, so that a weight means the same at every size:

    content = sum_l v_l * mean((F_l - P_l)^2)       paper, eq. 1: 1/2 * sum, at one layer
              with a detail map, of mean(D_l (F_l - P_l)^2): see :mod:`core.nst.detail`
    tv      = mean(dx^2) + mean(dy^2)               not in the paper

The gradients are written out, not left to autograd: see :mod:`core.nst.objective`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.nst.optimizers.planes import planes
from core.nst.style import precise


def content_loss(F: Tensor, P: Tensor, detail: Tensor | None = None) -> Tensor:
    """Return mean(D (F - P)^2) at one layer (eq. 1, which has no D).

    Args:
        F: shape (1, C, H, W).
        P: of the same shape.
        detail: D, the factor at each position, shape (H, W). None counts as 1.
    """
    squares = (precise(F) - precise(P)) ** 2
    return torch.mean(squares if detail is None else squares * detail)


def content_gradient(F: Tensor, P: Tensor, detail: Tensor | None = None) -> Tensor:
    """Return the gradient of :func:`content_loss` by F (eq. 2): 2 D (F - P) / (C M), F's shape."""
    gradient = (precise(F) - precise(P)).mul_(2 / F.numel())
    return gradient if detail is None else gradient.mul_(detail)


def tv_loss(image: Tensor) -> Tensor:
    """Return the total variation mean(dx^2) + mean(dy^2) of an image of shape (1, C, H, W)."""
    dx = [(part[..., :, 1:] - part[..., :, :-1]).square().mean() for (part,) in planes(image)]
    dy = [(part[..., 1:, :] - part[..., :-1, :]).square().mean() for (part,) in planes(image)]
    return torch.stack(dx).mean() + torch.stack(dy).mean()


def tv_gradient(image: Tensor) -> Tensor:
    """Return the gradient of :func:`tv_loss`, of the image's shape."""
    gradient = torch.zeros_like(image)
    for axis in (-1, -2):
        count = image.numel() // image.shape[axis] * (image.shape[axis] - 1)
        for part, at_part in planes(image, gradient):
            difference = part.diff(dim=axis).mul_(2 / count)
            at_part.narrow(axis, 1, difference.shape[axis]).add_(difference)
            at_part.narrow(axis, 0, difference.shape[axis]).sub_(difference)
    return gradient
