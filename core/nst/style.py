"""The style loss: statistics of features, their distance, and its gradient, as pure functions.

Features ``F`` of one layer are a matrix of C filters by M positions. Two averages over the
positions are compared with those of the style pictures:

    G  = F F^T / M    the Gram matrix (paper, eq. 3, which has no 1/M)
    mu = F 1 / M      the means, from which the covariance is G - mu mu^T

There are two distances:

- Of Gram matrices: mean((G - A)^2) (eq. 4: 1/(4 C^2 M^2) * sum).
- Of covariances and means: half the squared relative error of each.

Departure: the paper has the first. The Gram matrix is the covariance plus the outer product of
the means. Compared by themselves, and relative to the painting's own, the two leave more of the
photograph at the same effect (bench/attempts.md). Li, Wang, Liu and Hou, "Demystifying Neural
Style Transfer" (2017, arXiv 1701.01036), compare means and deviations of features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from core.nst.network.devices import multipliable
from core.params import StyleStatistics, complete_table

#: The least energies of a painting's means and covariance, per filter. The network's filters have
#: a mean activation of 1 over many pictures. 23 photographs and paintings at 128 pixels had
#: energies of at least 0.86 and 16. A painting of one colour has less, and one of the mean pixel
#: would have an infinite weight.
_LEAST_MEAN = 0.3
_LEAST_COVARIANCE = 10.0
#: The least energy of a Gram matrix.
_LEAST_GRAM = 1e-9


class FeatureStatistics(NamedTuple):
    """Averages over the positions of a layer or of a region, in float32 or float64."""

    #: G, shape (C, C).
    gram: Tensor
    #: mu, shape (C,).
    mean: Tensor

    @property
    def covariance(self) -> Tensor:
        """G - mu mu^T, shape (C, C)."""
        return self.gram - torch.outer(self.mean, self.mean)


class StatisticsGradient(NamedTuple):
    """The gradient of a distance by the statistics."""

    #: Symmetric, shape (C, C).
    by_gram: Tensor
    #: Shape (C,); None for 0.
    by_mean: Tensor | None


def statistics(features: Tensor, guide: Tensor | None = None) -> FeatureStatistics:
    """Return the statistics of a layer, or of one region of it.

    With a guide T, positions count by it: G_ij = sum_k T_k F_ik F_jk / sum_k T_k. Gatys et al.
    2017, "Controlling Perceptual Factors in Neural Style Transfer", eq. 4 and 5, where T is the
    square of the guide, normalised to a sum of 1.

    Args:
        features: shape (1, C, H, W).
        guide: T, how much each position belongs to the region, shape (H, W), 0 to 1.

    Returns:
        Without a guide, products are computed in the format of F and rounded to it once, since
        devices accumulate in float32.
    """
    F = features.flatten(2).squeeze(0)  # (C, M)
    if guide is None:
        F = multipliable(F)
        return FeatureStatistics(precise(F @ F.T) / F.shape[1], precise(F.mean(1)))
    F = precise(F)
    T = guide.reshape(1, -1).to(F.dtype)  # (1, M)
    weighted = F * (T / T.sum())
    return FeatureStatistics(weighted @ F.T, weighted.sum(1))


class StyleDistance(Protocol):
    """How far statistics are from those of the painting, which it is made for."""

    def __call__(self, S: FeatureStatistics) -> Tensor:
        """Return the distance."""
        ...

    def gradient(self, w: float, S: FeatureStatistics) -> StatisticsGradient:
        """Return the gradient of w times the distance."""
        ...

    def energy(self) -> float:
        """Return the distance that counts as 1: that of statistics which are all 0."""
        ...


class GramDistance:
    """mean((G - A)^2) (eq. 4).

    Args:
        target: the painting's statistics.
    """

    def __init__(self, target: FeatureStatistics) -> None:
        self._A = target.gram

    def __call__(self, S: FeatureStatistics) -> Tensor:
        """Return the distance."""
        return torch.mean((S.gram - self._A) ** 2)

    def gradient(self, w: float, S: FeatureStatistics) -> StatisticsGradient:
        """Return the gradient by G: 2 w (G - A) / C^2."""
        return StatisticsGradient((S.gram - self._A).mul_(2 * w / S.gram.numel()), None)

    def energy(self) -> float:
        """Return mean(A^2)."""
        return max(float(self._A.square().mean()), _LEAST_GRAM)


class CovarianceDistance:
    """1/2 |C - C_A|^2 / |C_A|^2 + 1/2 |mu - mu_A|^2 / |mu_A|^2.

    The denominators have least values, for paintings of one colour.

    Args:
        target: the painting's statistics.
    """

    def __init__(self, target: FeatureStatistics) -> None:
        self._covariance, self._mean = target.covariance, target.mean
        filters = len(target.mean)
        squares = self._covariance.square().sum(), self._mean.square().sum()
        self._covariance_energy = squares[0].clamp_min(_LEAST_COVARIANCE * filters)
        self._mean_energy = squares[1].clamp_min(_LEAST_MEAN * filters)

    def __call__(self, S: FeatureStatistics) -> Tensor:
        """Return the distance."""
        covariance = (S.covariance - self._covariance).square().sum() / self._covariance_energy
        return (covariance + (S.mean - self._mean).square().sum() / self._mean_energy) / 2

    def gradient(self, w: float, S: FeatureStatistics) -> StatisticsGradient:
        """Return the gradient.

        By C it is w (C - C_A) / |C_A|^2. Since C = G - mu mu^T, that is also the gradient by G,
        and -2 times its product with mu is a part of the gradient by mu.
        """
        by_covariance = (S.covariance - self._covariance) * (w / self._covariance_energy)
        by_mean = (S.mean - self._mean) * (w / self._mean_energy) - 2 * (by_covariance @ S.mean)
        return StatisticsGradient(by_covariance, by_mean)

    def energy(self) -> float:
        """Return 1: the distance is relative to the painting's own statistics."""
        return 1.0


#: Makes the distance to a painting's statistics.
STYLE_DISTANCES: dict[StyleStatistics, Callable[[FeatureStatistics], StyleDistance]] = (
    complete_table(
        StyleStatistics,
        {
            StyleStatistics.GRAM: GramDistance,
            StyleStatistics.COVARIANCE: CovarianceDistance,
        },
    )
)


def add_statistics_gradient(
    gradient: Tensor | None, features: Tensor, by: StatisticsGradient, guide: Tensor | None = None
) -> Tensor:
    """Add the gradient by F of a function of the statistics, by the chain rule (eq. 6).

    With a gradient S by G and m by mu, it is (2 S F + m 1^T) / M; with a guide,
    (2 S F + m 1^T) diag(T) / sum_k T_k.

    Args:
        gradient: by the features, of their shape; may be overwritten. None counts as 0.
        features: F, shape (1, C, H, W).
        by: S and m.
        guide: T, shape (H, W), if the statistics are those of a region.

    Returns:
        Shape (1, C, H, W), in the format of the features.
    """
    # Positions come first, so that products have the memory layout of the features.
    F = _positions(features)  # (M, C)
    if guide is None:
        F = multipliable(F)
        S = (2 / len(F) * by.by_gram).to(F.dtype)  # (C, C)
        if gradient is None:
            rows = F @ S
        elif gradient.dtype == F.dtype:
            rows = _positions(gradient).addmm_(F, S)
        else:
            rows = _positions(gradient).add_(F @ S)
        if by.by_mean is not None:
            rows.add_((by.by_mean / len(F)).to(rows.dtype))
    else:
        T = guide.reshape(-1, 1).to(by.by_gram.dtype)  # (M, 1)
        own = precise(F) @ (2 * by.by_gram)
        if by.by_mean is not None:
            own.add_(by.by_mean)
        own = own.mul_(T / T.sum()).to(F.dtype)
        rows = own if gradient is None else _positions(gradient).add_(own)
    return rows.to(features.dtype).view(*features.shape[2:], -1).permute(2, 0, 1).unsqueeze(0)


def precise(x: Tensor) -> Tensor:
    """In float32 if x is bfloat16, whose sums would lose digits."""
    return x.float() if x.dtype == torch.bfloat16 else x


def _positions(x: Tensor) -> Tensor:
    """(1, C, H, W) to (M, C), which for channels_last is the same memory."""
    return x.squeeze(0).permute(1, 2, 0).flatten(0, 1)
