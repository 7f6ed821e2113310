"""The smoothing preconditioner of L-BFGS."""

from __future__ import annotations

import pytest
import torch

from core.nst.optimizers.lbfgs import LBFGS
from core.nst.optimizers.preconditioner import Smoothing
from tests.core.nst.examples import CPU, uniform
from tests.core.nst.optimizers.functions import minimise


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 10), (5, 3)])
def test_smoothing_is_symmetric_and_positive_definite(height: int, width: int) -> None:
    smooth = Smoothing(height, width, CPU)
    units = torch.eye(height * width).view(-1, 1, 1, height, width)
    matrix = torch.stack([smooth(unit).flatten() for unit in units]).double()
    torch.testing.assert_close(matrix, matrix.T, atol=1e-6, rtol=0)
    assert float(torch.linalg.eigvalsh(matrix).min()) > 0


def test_smoothing_amplifies_low_frequencies_and_damps_high_ones() -> None:
    smooth = Smoothing(32, 32, CPU)
    x = torch.arange(32)
    gains = []
    for cycles in (0, 1, 4, 16):
        wave = torch.cos(2 * torch.pi * cycles * x / 32).expand(1, 1, 32, 32)
        product = smooth(wave)
        gain = float((product * wave).sum() / (wave * wave).sum())
        torch.testing.assert_close(product, gain * wave, atol=1e-4, rtol=0)  # an eigenvector
        gains.append(gain)
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > 1 > gains[-1] > 0


def test_lbfgs_finds_the_same_minimum_with_smoothing() -> None:
    minimum = uniform(0, 1, 3, 9, 8)
    weights = torch.linspace(1, 30, 8)
    point = minimise(
        LBFGS(1.0, Smoothing(9, 8, CPU)),
        lambda image: (weights * (image - minimum) ** 2).sum() / 2,
        torch.zeros_like(minimum),
        steps=80,
    )
    torch.testing.assert_close(point.image, minimum, atol=1e-4, rtol=0)
