"""Colour modes: whose colours the result has.

Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer".
Images are of shape (1, 3, H, W), RGB in [0, 1], gamma-encoded (not linear light), as in that
paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.params import Color

#: Luma of ITU-R BT.601, as in the paper's YIQ space.
_LUMA = (0.299, 0.587, 0.114)

#: Keeps the square roots of nearly flat pictures' covariances finite.
_EPSILON = 1e-5


@dataclass(frozen=True)
class ColorMode:
    """What a colour mode does to the pictures before and after the optimiser."""

    #: Returns a style picture as the network sees it, given (style, content).
    recolour: Callable[[Tensor, Tensor], Tensor]
    #: Returns what the optimiser changes of an RGB image: (1, 3, H, W), or grey (1, 1, H, W).
    to_painted: Callable[[Tensor], Tensor]
    #: Returns the RGB image of what the optimiser painted, given (painted, content).
    to_shown: Callable[[Tensor, Tensor], Tensor]


def color_mode(color: Color) -> ColorMode:
    """Return the functions of a colour mode."""
    match color:
        case Color.STYLE:  # the style's colours, as in the 2015 paper
            return ColorMode(
                recolour=lambda style, _: style,
                to_painted=lambda image: image,
                to_shown=lambda painted, _: painted.clamp(0, 1),
            )
        case Color.MATCH:  # section 3: the style picture is recoloured first
            return ColorMode(
                recolour=match_colours,
                to_painted=lambda image: image,
                to_shown=lambda painted, _: painted.clamp(0, 1),
            )
        case Color.CONTENT:  # section 4: only the luminance is painted
            return ColorMode(
                recolour=lambda style, content: match_luminance(
                    luminance(style), luminance(content)
                ).expand_as(style),
                to_painted=luminance,
                to_shown=lambda painted, content: with_luminance(content, painted),
            )


def luminance(image: Tensor) -> Tensor:
    """Return Y of YIQ: shape (1, 1, H, W)."""
    weights = torch.tensor(_LUMA, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True)


def match_luminance(style: Tensor, content: Tensor) -> Tensor:
    """Return the style's luminance with the mean and deviation of the content's (section 4).

    Args:
        style: luminance, shape (1, 1, H', W').
        content: luminance, shape (1, 1, H, W).
    """
    deviation = style.std(correction=0).clamp_min(_EPSILON)
    return (style - style.mean()) / deviation * content.std(correction=0) + content.mean()


def with_luminance(content: Tensor, luma: Tensor) -> Tensor:
    """Return the content's I and Q with another Y. In RGB, every channel changes by the same."""
    return (content + (luma - luminance(content))).clamp(0, 1)


def match_colours(style: Tensor, content: Tensor) -> Tensor:
    """Return the style with the content's mean and covariance of colours (section 3, eq. 4 to 6).

    x -> A x + b with A = Sigma_C^(1/2) Sigma_S^(-1/2), b = mu_C - A mu_S, clamped to [0, 1].
    """
    # On the CPU, because the GPU of a Mac has no float64.
    S = style[0].flatten(1).cpu().double()  # (3, M')
    C = content[0].flatten(1).cpu().double()  # (3, M)
    A = _power(_covariance(C), 0.5) @ _power(_covariance(S), -0.5)  # (3, 3)
    matched = A @ (S - S.mean(dim=1, keepdim=True)) + C.mean(dim=1, keepdim=True)  # (3, M')
    return matched.reshape(style.shape).to(style).clamp(0, 1)


def _covariance(x: Tensor) -> Tensor:
    eye = torch.eye(3, dtype=x.dtype, device=x.device)
    return torch.cov(x, correction=0) + _EPSILON * eye


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    power: Tensor = vectors @ torch.diag(values**exponent) @ vectors.T
    return power
