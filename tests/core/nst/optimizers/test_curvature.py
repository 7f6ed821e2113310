"""The diagonal of the Hessian, estimated from L-BFGS's pairs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from core.nst.optimizers.curvature import Curvature
from core.nst.optimizers.lbfgs import LBFGS
from tests.core.nst.examples import normal
from tests.core.nst.optimizers.functions import Evaluator

#: The Hessian's diagonal, from 1 at the left to 100 at the right: shape (1, 1, 32, 64).
DIAGONAL = torch.logspace(0, 2, 64).expand(1, 1, 32, 64)


def change(seed: int) -> Tensor:
    return normal(seed, *DIAGONAL.shape).float()


def estimated_from(*pairs: tuple[Tensor, Tensor]) -> Curvature:
    curvature = Curvature()
    for s, y in pairs:
        curvature = curvature.with_pair(s, y)
    return curvature


def test_before_the_first_pair_nothing_is_scaled() -> None:
    assert float(Curvature().inverse_root(32, 64)) == 1


def test_pixels_are_scaled_by_the_inverse_root_of_their_curvature() -> None:
    steepness = 1 + 2 * (DIAGONAL > 7)  # 1 at the left, 3 at the right
    pairs = [(change(seed), steepness * change(seed)) for seed in range(10)]
    scale = estimated_from(*pairs).inverse_root(32, 64)
    left, right = scale[..., :16].mean(), scale[..., 48:].mean()
    # Not quite, because squares of nearly no change must not count.
    assert 0.95 * 3**0.5 < float(left / right) <= 3**0.5


def test_the_length_of_a_step_does_not_matter() -> None:
    s, y = change(0), DIAGONAL * change(0)
    short, long = estimated_from((s, y)), estimated_from((1e-3 * s, 1e3 * y))
    torch.testing.assert_close(short.inverse_root(32, 64), long.inverse_root(32, 64))


def test_old_pairs_are_forgotten() -> None:
    steep_right = [(change(n), DIAGONAL * change(n)) for n in range(60)]
    steep_left = [(change(n), DIAGONAL.flip(3) * change(n)) for n in range(60, 120)]
    expected = estimated_from(*steep_left).inverse_root(32, 64)
    scale = estimated_from(*steep_right, *steep_left).inverse_root(32, 64)
    torch.testing.assert_close(scale, expected, rtol=0.02, atol=0)


def test_the_scale_stays_bounded_where_image_or_gradient_did_not_change() -> None:
    s, y = change(0), DIAGONAL * change(0)
    s[..., :32], y[..., 32:] = 0, 0
    scale = estimated_from((s, y)).inverse_root(32, 64)
    assert 0.05 < float(scale.min()) < float(scale.max()) < 20


@pytest.mark.parametrize("shape", [(1, 1, 1, 5), (1, 3, 7, 2), (1, 3, 43, 64)])
def test_the_scale_has_the_shape_of_the_image(shape: tuple[int, ...]) -> None:
    s = torch.rand(shape)
    assert estimated_from((s, 2 * s)).inverse_root(*shape[2:]).shape == shape


def test_lbfgs_takes_half_of_scipys_evaluations_where_the_curvature_varies() -> None:
    minimum = change(0).double()
    evaluate = Evaluator(lambda image: (DIAGONAL * (image - minimum) ** 2).sum() / 2)
    optimizer = LBFGS(1.0)
    point = start = evaluate(torch.zeros_like(minimum))
    while float(point.loss.total) > 1e-6 * float(start.loss.total):
        point = optimizer.step(point, evaluate)

    diagonal, target = DIAGONAL.flatten().double().numpy(), minimum.flatten().numpy()
    losses: list[float] = []

    def loss(x: np.ndarray) -> float:
        losses.append(float((diagonal * (x - target) ** 2).sum() / 2))
        return losses[-1]

    scipy.optimize.minimize(
        loss,
        np.zeros_like(target),
        jac=lambda x: diagonal * (x - target),
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-10},
    )
    scipy_evaluations = next(n for n, value in enumerate(losses, 1) if value <= 1e-6 * losses[0])
    assert evaluate.count <= scipy_evaluations / 2
