"""Whose colours the result has.

Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving Color in Neural Artistic
Style Transfer". Pictures are of shape (1, 3, H, W), RGB in [0, 1], as they are
shown (not linear light), as in that paper.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Luma of ITU-R BT.601, as in the paper's YIQ space.
_LUMA = (0.299, 0.587, 0.114)

#: Keeps the square roots of nearly flat pictures' covariances finite.
_EPSILON = 1e-5


def luminance(image: Tensor) -> Tensor:
    """Y of YIQ: shape (1, 1, H, W)."""
    weights = torch.tensor(_LUMA, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True)


def match_luminance(style: Tensor, content: Tensor) -> Tensor:
    """The style's luminance with the mean and deviation of the content's (section 4).

    Args:
        style: luminance, shape (1, 1, H', W').
        content: luminance, shape (1, 1, H, W).
    """
    deviation = style.std(correction=0).clamp_min(_EPSILON)
    return (style - style.mean()) / deviation * content.std(correction=0) + content.mean()


def with_luminance(content: Tensor, luma: Tensor) -> Tensor:
    """The content's I and Q under another Y: in RGB, the same change to every channel."""
    return (content + (luma - luminance(content))).clamp(0, 1)


def match_colours(style: Tensor, content: Tensor) -> Tensor:
    """The style with the content's mean and covariance of colours (section 3, eq. 4 to 6).

    x -> A x + b with A = Sigma_C^(1/2) Sigma_S^(-1/2), b = mu_C - A mu_S, cut off
    where it leaves the range of colours.
    """
    S = style[0].flatten(1).double()  # (3, M')
    C = content[0].flatten(1).double()  # (3, M)
    A = _power(_covariance(C), 0.5) @ _power(_covariance(S), -0.5)  # (3, 3)
    matched = A @ (S - S.mean(dim=1, keepdim=True)) + C.mean(dim=1, keepdim=True)
    return matched.reshape(style.shape).to(style.dtype).clamp(0, 1)


def _covariance(x: Tensor) -> Tensor:
    eye = torch.eye(3, dtype=x.dtype, device=x.device)
    return torch.cov(x, correction=0) + _EPSILON * eye


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    power: Tensor = vectors @ torch.diag(values**exponent) @ vectors.T
    return power
