"""What L-BFGS learns of how the loss curves at each pixel."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from core.nst.optimizers.curvature import Curvature
from core.nst.optimizers.lbfgs import LBFGS
from core.nst.optimizers.point import LossTerms, Point

#: The Hessian's diagonal, from 1 at the left to 100 at the right: shape (1, 1, 32, 64).
DIAGONAL = torch.logspace(0, 2, 64).expand(1, 1, 32, 64)


def change(seed: int) -> Tensor:
    return torch.randn(DIAGONAL.shape, generator=torch.Generator().manual_seed(seed))


def after(*pairs: tuple[Tensor, Tensor]) -> Curvature:
    curvature = Curvature()
    for s, y in pairs:
        curvature = curvature.with_pair(s, y)
    return curvature


def test_nothing_is_scaled_before_there_is_a_pair() -> None:
    assert float(Curvature().inverse_root(32, 64)) == 1


def test_a_pair_tells_the_diagonal_of_the_hessian_to_the_root() -> None:
    gentle = 1 + 2 * (DIAGONAL > 7)  # 1 left, 3 right
    pairs = [(change(seed), gentle * change(seed)) for seed in range(10)]
    scaled = after(*pairs).inverse_root(32, 64)
    left, right = scaled[..., :16].mean(), scaled[..., 48:].mean()
    # The root of 3, but for what is added to each mean square: 0.03 of the mean of all.
    squares = np.array([1.0, 9.0])
    steep = float((DIAGONAL > 7).float().mean())
    added = squares + 0.03 * np.dot(squares, [1 - steep, steep])
    assert float(left / right) == pytest.approx((added[1] / added[0]) ** 0.25, rel=0.02)


def test_it_is_no_matter_how_long_a_step_was() -> None:
    s, y = change(0), DIAGONAL * change(0)
    short, long = after((s, y)), after((1e-3 * s, 1e3 * y))
    torch.testing.assert_close(short.inverse_root(32, 64), long.inverse_root(32, 64))


def test_what_was_so_long_ago_is_forgotten() -> None:
    steep_right = [(change(n), DIAGONAL * change(n)) for n in range(60)]
    steep_left = [(change(n), DIAGONAL.flip(3) * change(n)) for n in range(60, 120)]
    expected = after(*steep_left).inverse_root(32, 64)
    found = after(*steep_right, *steep_left).inverse_root(32, 64)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)


def test_where_nothing_changed_nothing_grows_beyond_bounds() -> None:
    s, y = change(0), DIAGONAL * change(0)
    s[..., :32], y[..., 32:] = 0, 0
    scaled = after((s, y)).inverse_root(32, 64)
    assert 0.05 < float(scaled.min()) < float(scaled.max()) < 20


@pytest.mark.parametrize("shape", [(1, 1, 1, 5), (1, 3, 7, 2), (1, 3, 43, 64)])
def test_pictures_of_any_shape_keep_it(shape: tuple[int, ...]) -> None:
    s = torch.rand(shape)
    assert after((s, 2 * s)).inverse_root(*shape[2:]).shape == shape


def test_lbfgs_needs_half_of_scipys_evaluations_where_the_loss_curves_unevenly() -> None:
    target = change(0).double()
    count = 0

    def evaluate(image: Tensor) -> Point:
        nonlocal count
        count += 1
        gradient = DIAGONAL * (image - target)
        total, zero = ((image - target) * gradient).sum() / 2, torch.zeros(())
        return Point(image, LossTerms(total, total, zero, zero), gradient)

    diagonal, sought = DIAGONAL.flatten().double().numpy(), target.flatten().numpy()
    losses: list[float] = []

    def loss(x: np.ndarray) -> float:
        losses.append(float((diagonal * (x - sought) ** 2).sum() / 2))
        return losses[-1]

    scipy.optimize.minimize(
        loss,
        np.zeros_like(sought),
        jac=lambda x: diagonal * (x - sought),
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-10},
    )
    optimizer = LBFGS(1.0)
    point = start = evaluate(torch.zeros_like(target))
    while float(point.loss.total) > 1e-6 * float(start.loss.total):
        point = optimizer.step(point, evaluate)
    theirs = next(n for n, value in enumerate(losses, 1) if value <= 1e-6 * losses[0])
    assert count <= theirs / 2
