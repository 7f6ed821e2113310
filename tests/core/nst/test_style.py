"""The style loss and its gradient, compared with the formulas written in another way."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.nst.style import (
    STYLE_DISTANCES,
    CovarianceDistance,
    FeatureStatistics,
    GramDistance,
    StatisticsGradient,
    add_statistics_gradient,
    statistics,
)
from core.params import StyleStatistics
from tests.core.nst.examples import finite_differences, uniform


def features(channels: int = 5, height: int = 4, width: int = 7, seed: int = 0) -> Tensor:
    """Features with the energies of a usual picture."""
    return 20 * uniform(seed, 1, channels, height, width)


def matrix(F: Tensor) -> NDArray[np.float64]:
    """The features as a matrix (C, M)."""
    return F.flatten(2)[0].numpy()


def test_gram_is_the_mean_over_positions_of_products_of_features() -> None:
    F = features()
    expected = torch.einsum("nihw,njhw->ij", F, F) / (4 * 7)
    torch.testing.assert_close(statistics(F).gram, expected)


def test_gram_and_mean_of_ones_are_ones() -> None:
    torch.testing.assert_close(
        statistics(torch.ones(1, 3, 8, 9)), FeatureStatistics(torch.ones(3, 3), torch.ones(3))
    )


def test_mean_and_covariance_are_those_of_the_channels() -> None:
    F = features()
    found = statistics(F)
    np.testing.assert_allclose(found.mean, matrix(F).mean(1), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(matrix(F), bias=True), rtol=1e-9)


def test_statistics_do_not_depend_on_positions() -> None:
    F = features()
    shuffled = F.flatten(2)[:, :, torch.randperm(28)].reshape(F.shape)
    torch.testing.assert_close(statistics(shuffled), statistics(F))


def test_statistics_do_not_depend_on_the_memory_layout() -> None:
    F = features()
    channels_last = F.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(statistics(channels_last), statistics(F))


def test_statistics_of_bfloat16_features_are_rounded_only_once() -> None:
    F = features(4, 64, 64).to(torch.bfloat16)
    exact = statistics(F.double())
    rounded = statistics(F)
    assert {each.dtype for each in rounded} == {torch.float32}
    for found, expected in zip(rounded, exact, strict=True):
        torch.testing.assert_close(found.double(), expected, rtol=2**-8, atol=0)


def test_the_statistics_guided_by_a_rectangle_are_those_of_the_crop() -> None:
    F = features(5, 8, 9)
    guide = torch.zeros(8, 9)
    guide[2:5, 3:9] = 1
    torch.testing.assert_close(statistics(F, guide), statistics(F[:, :, 2:5, 3:9]))


def test_a_constant_guide_equals_no_guide() -> None:
    F = features()
    torch.testing.assert_close(statistics(F, torch.full((4, 7), 0.3)), statistics(F))


def test_the_gram_distance_is_the_mean_of_squared_differences() -> None:
    S, A = (statistics(features(seed=seed)) for seed in (1, 2))
    expected = np.square(S.gram.numpy() - A.gram.numpy()).sum() / 5**2
    assert float(GramDistance(A)(S)) == pytest.approx(expected, rel=1e-12)


def test_the_covariance_distance_is_half_of_both_squared_relative_errors() -> None:
    F, style = features(seed=1), features(seed=2)
    covariances = [np.cov(matrix(x), bias=True) for x in (F, style)]
    means = [matrix(x).mean(1) for x in (F, style)]
    expected = sum(
        np.linalg.norm(found - target) ** 2 / np.linalg.norm(target) ** 2 / 2
        for found, target in (covariances, means)
    )
    distance = CovarianceDistance(statistics(style))(statistics(F))
    assert float(distance) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kind", StyleStatistics)
def test_every_distance_is_exactly_0_at_its_target(kind: StyleStatistics) -> None:
    S = statistics(features())
    assert float(STYLE_DISTANCES[kind](S)(S)) == 0


@pytest.mark.parametrize("kind", StyleStatistics)
def test_the_distance_of_nothing_is_the_energy_of_the_target(kind: StyleStatistics) -> None:
    distance = STYLE_DISTANCES[kind](statistics(features()))
    nothing = statistics(torch.zeros_like(features()))
    assert float(distance(nothing)) == pytest.approx(distance.energy(), rel=1e-12)


@pytest.mark.parametrize("painting", [0.0, 0.7])
def test_a_painting_of_one_colour_has_a_bounded_distance(painting: float) -> None:
    distance = CovarianceDistance(statistics(torch.full((1, 3, 4, 5), painting)))
    # About the energies of a usual picture: a mean of 1, and a standard deviation of 4.
    S = statistics(1 + 4 * torch.randn(1, 3, 200, 200, generator=torch.Generator().manual_seed(0)))
    assert 1 < float(distance(S)) < 20
    assert distance.gradient(1.0, S).by_gram.isfinite().all()


@pytest.mark.parametrize("kind", StyleStatistics)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("guided", [False, True])
def test_gradients_match_finite_differences(
    kind: StyleStatistics, layout: torch.memory_format, guided: bool
) -> None:
    F = (features(2, 3, 4, seed=1) / 10).contiguous(memory_format=layout)
    distance = STYLE_DISTANCES[kind](statistics(features(2, 3, 4, seed=3) / 10))
    guide = features(1, 3, 4, seed=4)[0, 0] / 20 if guided else None
    expected = finite_differences(lambda x: 0.7 * distance(statistics(x, guide)), F)
    by = distance.gradient(0.7, statistics(F, guide))
    close = partial(torch.testing.assert_close, rtol=1e-6, atol=1e-8)
    close(add_statistics_gradient(None, F, by, guide), expected)


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_is_added_to_an_earlier_gradient(
    layout: torch.memory_format, guided: bool
) -> None:
    F, before = (features(3, 4, 5, seed).contiguous(memory_format=layout) for seed in (1, 2))
    guide = features(1, 4, 5, seed=3)[0, 0] / 20 if guided else None
    by = StatisticsGradient(
        torch.tensor([[1.0, 2, 3], [2, 4, 5], [3, 5, 6]], dtype=torch.float64),
        torch.tensor([7.0, 8, 9], dtype=torch.float64),
    )
    expected = before + add_statistics_gradient(None, F, by, guide)
    torch.testing.assert_close(add_statistics_gradient(before.clone(), F, by, guide), expected)
