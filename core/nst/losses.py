"""The terms of the objective, as pure functions.

Notation of the paper (section 2): ``F`` are the features of the target, ``P`` of
the content, at one layer, as matrices of C filters by M = H * W positions.

Departure: the paper sums squared differences and divides by constants; here both
terms are means, as in the first author's later code, so that a weight means the
same at every size. With G = F F^T / M (paper: without 1/M)

    content = mean((F - P)^2)                 paper, eq. 1: 1/2 * sum
    style   = sum_l w_l * mean((G_l - A_l)^2) paper, eq. 4: 1/(4 C^2 M^2) * sum
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """The Gram matrix, over positions averaged: G_ij = 1/M * sum_k F_ik F_jk (eq. 3).

    Args:
        features: shape (1, C, H, W).

    Returns:
        Shape (C, C).
    """
    _, channels, height, width = features.shape
    F = features.reshape(channels, height * width)  # (C, M)
    return F @ F.T / (height * width)  # (C, C)


def content_loss(F: Tensor, P: Tensor) -> Tensor:
    """mean((F - P)^2), for features of one layer, both of shape (1, C, H, W)."""
    return torch.mean((F - P) ** 2)


def style_loss(
    G: Mapping[str, Tensor], A: Mapping[str, Tensor], weights: Mapping[str, float]
) -> Tensor:
    """sum_l w_l * mean((G_l - A_l)^2), for Gram matrices of shape (C, C) by layer (eq. 5)."""
    terms = [weight * torch.mean((G[l] - A[l]) ** 2) for l, weight in weights.items()]  # noqa: E741
    return torch.stack(terms).sum()
