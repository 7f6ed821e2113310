"""The terms of the objective, as pure functions.

Notation of the paper (section 2): ``F`` are the features of the target, ``P`` of
the content, at one layer, as matrices of C filters by M = H * W positions.

Departure: the paper sums squared differences and divides by constants; here all
terms are means, as in the first author's later code, so that a weight means the
same at every size. With G = F F^T / M (paper: without 1/M)

    content = mean over layers of mean((F - P)^2)   paper, eq. 1: 1/2 * sum
    style   = sum_l w_l * mean((G_l - A_l)^2)       paper, eq. 4: 1/(4 C^2 M^2) * sum
    tv      = mean(dx^2) + mean(dy^2)               not in the paper
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """The Gram matrix, averaged over positions: G_ij = 1/M * sum_k F_ik F_jk (eq. 3).

    Args:
        features: shape (1, C, H, W).

    Returns:
        Shape (C, C), in float32 or better.
    """
    G: Tensor = _Gram.apply(features.flatten(2).squeeze(0))
    return G


class _Gram(torch.autograd.Function):
    """F F^T / M of a matrix of shape (C, M).

    Its gradient as one product, since both factors are the same: autograd makes
    two of it and adds them up. The products are computed in the format of F,
    and rounded to it once: devices sum in float32.
    """

    @staticmethod
    def forward(ctx: Any, F: Tensor) -> Tensor:
        ctx.save_for_backward(F)
        return _precise(F @ F.T) / F.shape[1]  # (C, C)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (F,) = ctx.saved_tensors
        (dG,) = gradients  # (C, C)
        # In this order the product has the memory layout of F.
        dF: Tensor = F.T @ ((dG + dG.T) / F.shape[1]).to(F.dtype)  # (M, C)
        return dF.T


def guided_gram(features: Tensor, guide: Tensor) -> Tensor:
    """The Gram matrix of one region: G_ij = sum_k T_k F_ik F_jk / sum_k T_k.

    Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer",
    eq. 4 and 5, where T is the square of the guide, normalised to a sum of 1.

    Args:
        features: shape (1, C, H, W).
        guide: T, how much each position belongs to the region, shape (H, W), 0 to 1.

    Returns:
        Shape (C, C), in float32 or better.
    """
    F = _matrix(features)  # (C, M)
    T = guide.reshape(1, -1).to(F.dtype)  # (1, M)
    return (F * T) @ F.T / T.sum()  # (C, C)


def _matrix(features: Tensor) -> Tensor:
    """(1, C, H, W) to (C, M), in a format whose sums keep their digits."""
    return _precise(features.flatten(2).squeeze(0))


def _precise(x: Tensor) -> Tensor:
    return x.float() if x.dtype == torch.bfloat16 else x


def content_loss(F: Tensor, P: Tensor) -> Tensor:
    """mean((F - P)^2) at one layer, for features of shape (1, C, H, W)."""
    return torch.mean((_precise(F) - _precise(P)) ** 2)


def style_loss(terms: Iterable[tuple[float, Tensor, Tensor]]) -> Tensor:
    """sum_l w_l * mean((G_l - A_l)^2), for (w, G, A) with Gram matrices of shape (C, C) (eq. 5)."""
    return torch.stack([w * torch.mean((G - A) ** 2) for w, G, A in terms]).sum()


def tv_loss(image: Tensor) -> Tensor:
    """mean(dx^2) + mean(dy^2): total variation of a picture of shape (1, C, H, W)."""
    dx = image[..., :, 1:] - image[..., :, :-1]
    dy = image[..., 1:, :] - image[..., :-1, :]
    return torch.mean(dx**2) + torch.mean(dy**2)
