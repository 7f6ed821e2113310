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

import torch
from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """The Gram matrix, averaged over positions: G_ij = 1/M * sum_k F_ik F_jk (eq. 3).

    Args:
        features: shape (1, C, H, W).

    Returns:
        Shape (C, C), in float32 or better; the products are computed in the format of
        F and rounded to it once, since devices sum in float32.
    """
    F = features.flatten(2).squeeze(0)  # (C, M)
    return _precise(F @ F.T) / F.shape[1]


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


def with_gram_gradient(
    g: Tensor | None, features: Tensor, slope: Tensor, guide: Tensor | None = None
) -> Tensor:
    """What a function of a Gram matrix adds to a gradient, by the chain rule (eq. 6).

    With G = F F^T / M and a symmetric slope S that is 2/M * S F; with a guide it is
    2 / sum_k T_k * S F diag(T).

    Args:
        g: the gradient with respect to the features so far, of their shape; may be
            written over. None where there is none.
        features: F, shape (1, C, H, W).
        slope: S, the derivative by the Gram matrix: symmetric, shape (C, C).
        guide: T of :func:`guided_gram`, if the Gram matrix is one of those.

    Returns:
        Shape (1, C, H, W), in the format of the features.
    """
    # In this order, products have the memory layout that the features have.
    F = _positions(features)  # (M, C)
    if guide is None:
        S = (2 / len(F) * slope).to(F.dtype)
        rows = F @ S if g is None else _positions(g).addmm_(F, S)
    else:
        T = guide.reshape(-1, 1).to(slope.dtype)  # (M, 1)
        rows = ((_precise(F) * T) @ (2 / T.sum() * slope)).to(F.dtype)
        rows = rows if g is None else _positions(g).add_(rows)
    return rows.view(*features.shape[2:], -1).permute(2, 0, 1).unsqueeze(0)


def _positions(x: Tensor) -> Tensor:
    """(1, C, H, W) to (M, C), which for channels_last is the same memory."""
    return x.squeeze(0).permute(1, 2, 0).flatten(0, 1)


def _matrix(features: Tensor) -> Tensor:
    """(1, C, H, W) to (C, M), in a format whose sums keep their digits."""
    return _precise(features.flatten(2).squeeze(0))


def _precise(x: Tensor) -> Tensor:
    return x.float() if x.dtype == torch.bfloat16 else x


def content_loss(F: Tensor, P: Tensor) -> Tensor:
    """mean((F - P)^2) at one layer, for features of shape (1, C, H, W)."""
    return torch.mean((_precise(F) - _precise(P)) ** 2)


def content_gradient(F: Tensor, P: Tensor) -> Tensor:
    """Of :func:`content_loss` by F: 2 (F - P) / numel, of their shape (eq. 2)."""
    return (_precise(F) - _precise(P)).mul_(2 / F.numel())


def style_loss(terms: Iterable[tuple[float, Tensor, Tensor]]) -> Tensor:
    """sum_l w_l * mean((G_l - A_l)^2), for (w, G, A) with Gram matrices of shape (C, C) (eq. 5)."""
    return torch.stack([w * torch.mean((G - A) ** 2) for w, G, A in terms]).sum()


def style_slope(w: float, G: Tensor, A: Tensor) -> Tensor:
    """Of one term of :func:`style_loss` by its G: 2 w (G - A) / C^2, shape (C, C)."""
    return (G - A).mul_(2 * w / G.numel())


def tv_loss(image: Tensor) -> Tensor:
    """mean(dx^2) + mean(dy^2): total variation of a picture of shape (1, C, H, W)."""
    dx = image[..., :, 1:] - image[..., :, :-1]
    dy = image[..., 1:, :] - image[..., :-1, :]
    return torch.mean(dx**2) + torch.mean(dy**2)


def tv_gradient(image: Tensor) -> Tensor:
    """Of :func:`tv_loss`, of the image's shape."""
    gradient = torch.zeros_like(image)
    for axis in (-1, -2):
        difference = image.diff(dim=axis)
        slope = 2 / difference.numel() * difference
        gradient.narrow(axis, 1, difference.shape[axis]).add_(slope)
        gradient.narrow(axis, 0, difference.shape[axis]).sub_(slope)
    return gradient
