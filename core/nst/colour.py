"""Colour modes: whose colours the result has.

Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer".
Images are of shape (1, 3, H, W), RGB in [0, 1] or in 8 bits, gamma-encoded (not linear light), as
in that paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.nst.network.pixels import in_unit_range
from core.params import Color

#: Luma of ITU-R BT.601, as in the paper's YIQ space.
_LUMA = (0.299, 0.587, 0.114)

#: Keeps the square roots of nearly flat pictures' covariances finite.
_EPSILON = 1e-5

#: The rows that are summed up in float64 at a time.
_ROWS = 256


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
    """Return Y of YIQ in [0, 1]: shape (1, 1, H, W)."""
    red, green, blue = (
        weight * in_unit_range(channel)
        for weight, channel in zip(_LUMA, image.unbind(1), strict=True)
    )
    return (red + green + blue).unsqueeze(1)


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
    change = luma - luminance(content)
    return in_unit_range(content).add(change).clamp_(0, 1)


def match_colours(style: Tensor, content: Tensor) -> Tensor:
    """Return the style with the content's mean and covariance of colours (section 3, eq. 4 to 6).

    x -> A x + b with A = Sigma_C^(1/2) Sigma_S^(-1/2), b = mu_C - A mu_S, clamped to [0, 1].
    """
    mu_s, sigma_s = _moments(style)
    mu_c, sigma_c = _moments(content)
    A = _power(sigma_c, 0.5) @ _power(sigma_s, -0.5)  # (3, 3)
    b = mu_c - A @ mu_s  # (3,)
    S = in_unit_range(style)[0].flatten(1)  # (3, M')
    matched = torch.addmm(b.to(S).unsqueeze(1), A.to(S), S)
    return matched.view(style.shape).clamp_(0, 1)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the covariance of the colours, shapes (3,) and (3, 3), in float64."""
    sums, products, count = torch.zeros(3).double(), torch.zeros(3, 3).double(), 0
    for row in range(0, image.shape[2], _ROWS):
        # On the CPU, because the GPU of a Mac has no float64.
        x = in_unit_range(image[0, :, row : row + _ROWS]).flatten(1).cpu().double()
        sums += x.sum(1)
        products += x @ x.T
        count += x.shape[1]
    mean = sums / count
    covariance = products / count - torch.outer(mean, mean)
    return mean, covariance + _EPSILON * torch.eye(3, dtype=x.dtype)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    power: Tensor = vectors @ torch.diag(values**exponent) @ vectors.T
    return power
