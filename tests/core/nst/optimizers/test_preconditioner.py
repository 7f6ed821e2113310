"""What L-BFGS takes for the inverse of the Hessian at first."""

from __future__ import annotations

import pytest
import torch

from core.nst.optimizers.lbfgs import LBFGS
from core.nst.optimizers.point import LossTerms, Point
from core.nst.optimizers.preconditioner import Smoothing

CPU = torch.device("cpu")


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 10), (5, 3)])
def test_smoothing_is_symmetric_and_positive_definite(height: int, width: int) -> None:
    smooth = Smoothing(height, width, CPU)
    units = torch.eye(height * width).view(-1, 1, 1, height, width)
    matrix = torch.stack([smooth(unit).flatten() for unit in units]).double()
    torch.testing.assert_close(matrix, matrix.T, atol=1e-6, rtol=0)
    assert float(torch.linalg.eigvalsh(matrix).min()) > 0


def test_smoothing_keeps_broad_strokes_and_damps_fine_detail() -> None:
    smooth = Smoothing(32, 32, CPU)
    flat = torch.ones(1, 1, 32, 32)
    checkers = (torch.arange(32) % 2 * 2.0 - 1).expand(1, 1, 32, 32)
    gains = [float((smooth(each) / each).mean()) for each in (flat, checkers)]
    assert gains[0] > 1 > gains[1] > 0
    # (f^2 + f_0^2)^(-3/8) at f = 0 and at half a cycle per pixel.
    assert gains[0] / gains[1] == pytest.approx((0.0004 / 0.2504) ** (-3 / 8), rel=1e-4)


def test_lbfgs_finds_the_same_minimum_with_it() -> None:
    target = torch.rand(1, 3, 9, 8, generator=torch.Generator().manual_seed(0))
    weights = torch.linspace(1, 30, 8)

    def evaluate(image: torch.Tensor) -> Point:
        difference = weights * (image - target)
        zero = torch.zeros(())
        total = (difference * (image - target)).sum() / 2
        return Point(image, LossTerms(total, total, zero, zero), difference)

    optimizer = LBFGS(1.0, Smoothing(9, 8, CPU))
    point = evaluate(torch.zeros_like(target))
    for _ in range(80):
        point = optimizer.step(point, evaluate)
    torch.testing.assert_close(point.image, target, atol=1e-4, rtol=0)
