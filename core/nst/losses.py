"""The loss terms and their gradients, as pure functions.

In the paper's notation (section 2), ``F`` are the features of the generated image at one layer,
``P`` those of the content image, as matrices of C filters by M = H * W positions. ``G`` and ``A``
are the Gram matrices of the generated image and of the style image.

Departure: the paper sums squared differences and divides by constants. Here all terms are means,
as in the first author's later code, so that a weight means the same at every size. With
G = F F^T / M (the paper has no 1/M):

    content = sum_l v_l * mean((F_l - P_l)^2)       paper, eq. 1: 1/2 * sum, at one layer
    style   = sum_l w_l * mean((G_l - A_l)^2)       paper, eq. 4: 1/(4 C^2 M^2) * sum
    tv      = mean(dx^2) + mean(dy^2)               not in the paper

The gradients are written out, not left to autograd: see :mod:`core.nst.objective`.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def content_loss(F: Tensor, P: Tensor) -> Tensor:
    """Return mean((F - P)^2) at one layer (eq. 1), for features of shape (1, C, H, W)."""
    return torch.mean((_precise(F) - _precise(P)) ** 2)


def content_gradient(F: Tensor, P: Tensor) -> Tensor:
    """Return the gradient of :func:`content_loss` by F: 2 (F - P) / (C M), of F's shape (eq. 2)."""
    return (_precise(F) - _precise(P)).mul_(2 / F.numel())


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrix, averaged over positions: G_ij = 1/M * sum_k F_ik F_jk (eq. 3).

    Args:
        features: shape (1, C, H, W).

    Returns:
        Shape (C, C), in float32 or float64. Products are computed in the format of F and rounded
        to it once, since devices accumulate in float32.
    """
    F = features.flatten(2).squeeze(0)  # (C, M)
    return _precise(F @ F.T) / F.shape[1]  # (C, C)


def guided_gram(features: Tensor, guide: Tensor) -> Tensor:
    """Return the Gram matrix of one region: G_ij = sum_k T_k F_ik F_jk / sum_k T_k.

    Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer", eq. 4 and 5,
    where T is the square of the guide, normalised to a sum of 1.

    Args:
        features: shape (1, C, H, W).
        guide: T, how much each position belongs to the region, shape (H, W), 0 to 1.

    Returns:
        Shape (C, C), in float32 or float64.
    """
    F = _precise(features.flatten(2).squeeze(0))  # (C, M)
    T = guide.reshape(1, -1).to(F.dtype)  # (1, M)
    return (F * T) @ F.T / T.sum()  # (C, C)


def style_loss(terms: Iterable[tuple[float, Tensor, Tensor]]) -> Tensor:
    """Return sum_l w_l * mean((G_l - A_l)^2) (eq. 4 and 5).

    Args:
        terms: (w_l, G_l, A_l) by layer, with Gram matrices of shape (C, C).
    """
    return torch.stack([w * torch.mean((G - A) ** 2) for w, G, A in terms]).sum()


def style_gradient(w: float, G: Tensor, A: Tensor) -> Tensor:
    """Return the gradient of one term of :func:`style_loss` by G: 2 w (G - A) / C^2, (C, C)."""
    return (G - A).mul_(2 * w / G.numel())


def add_gram_gradient(
    gradient: Tensor | None, features: Tensor, by_gram: Tensor, guide: Tensor | None = None
) -> Tensor:
    """Add the gradient by F of a function of a Gram matrix, by the chain rule (eq. 6).

    With G = F F^T / M and a symmetric gradient S by G, it is 2/M * S F; with a guide,
    2 / sum_k T_k * S F diag(T).

    Args:
        gradient: by the features, of their shape; may be overwritten. None counts as 0.
        features: F, shape (1, C, H, W).
        by_gram: S, the gradient by the Gram matrix: symmetric, shape (C, C).
        guide: T, shape (H, W), if the Gram matrix is that of :func:`guided_gram`.

    Returns:
        Shape (1, C, H, W), in the format of the features.
    """
    # Positions come first, so that products have the memory layout of the features.
    F = _positions(features)  # (M, C)
    if guide is None:
        S = (2 / len(F) * by_gram).to(F.dtype)  # (C, C)
        rows = F @ S if gradient is None else _positions(gradient).addmm_(F, S)
    else:
        T = guide.reshape(-1, 1).to(by_gram.dtype)  # (M, 1)
        rows = ((_precise(F) * T) @ (2 / T.sum() * by_gram)).to(F.dtype)
        rows = rows if gradient is None else _positions(gradient).add_(rows)
    return rows.view(*features.shape[2:], -1).permute(2, 0, 1).unsqueeze(0)


def tv_loss(image: Tensor) -> Tensor:
    """Return the total variation mean(dx^2) + mean(dy^2) of an image of shape (1, C, H, W)."""
    dx = image[..., :, 1:] - image[..., :, :-1]  # (1, C, H, W - 1)
    dy = image[..., 1:, :] - image[..., :-1, :]  # (1, C, H - 1, W)
    return torch.mean(dx**2) + torch.mean(dy**2)


def tv_gradient(image: Tensor) -> Tensor:
    """Return the gradient of :func:`tv_loss`, of the image's shape."""
    gradient = torch.zeros_like(image)
    for axis in (-1, -2):
        difference = image.diff(dim=axis)
        by_difference = 2 / difference.numel() * difference
        gradient.narrow(axis, 1, difference.shape[axis]).add_(by_difference)
        gradient.narrow(axis, 0, difference.shape[axis]).sub_(by_difference)
    return gradient


def _positions(x: Tensor) -> Tensor:
    """(1, C, H, W) to (M, C), which for channels_last is the same memory."""
    return x.squeeze(0).permute(1, 2, 0).flatten(0, 1)


def _precise(x: Tensor) -> Tensor:
    """In float32 if x is bfloat16, whose sums would lose digits."""
    return x.float() if x.dtype == torch.bfloat16 else x
