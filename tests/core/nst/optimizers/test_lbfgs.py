"""L-BFGS, compared with SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from core.nst.optimizers import lbfgs
from core.nst.optimizers.lbfgs import LBFGS
from tests.core.nst.optimizers.functions import (
    Evaluator,
    Quadratic,
    minimise,
    rosenbrock,
    row,
)

MINUS_ONES = row(torch.full((10,), -1.0, dtype=torch.float64))


def scipy_minimum(quadratic: Quadratic, bounds: tuple[float, float]) -> np.ndarray:
    result = scipy.optimize.minimize(
        quadratic.value,
        np.zeros(12),
        jac=quadratic.gradient,
        method="L-BFGS-B",
        options={"gtol": 1e-10, "ftol": 1e-16},
        bounds=[bounds] * 12,
    )
    return np.asarray(result.x)


def test_the_minimum_of_a_quadratic_is_found() -> None:
    quadratic = Quadratic()
    point = minimise(LBFGS(1.0), quadratic, quadratic.start, steps=60)
    np.testing.assert_allclose(point.image.flatten().numpy(), quadratic.minimum, atol=1e-5)


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.0, 0.05), (-0.02, 0.02)])
def test_the_minimum_within_bounds_is_the_one_that_scipy_finds(
    bounds: tuple[float, float],
) -> None:
    quadratic = Quadratic()
    point = minimise(LBFGS(1.0, bounds=bounds), quadratic, quadratic.start, steps=100)
    expected = scipy_minimum(quadratic, bounds)
    assert np.isin(expected, bounds).any()  # otherwise the bounds would not matter
    np.testing.assert_allclose(point.image.flatten().numpy(), expected, atol=1e-5)


def test_rosenbrocks_minimum_takes_at_most_half_more_evaluations_than_scipy() -> None:
    evaluate, optimizer = Evaluator(rosenbrock), LBFGS(1.0)
    point = evaluate(MINUS_ONES)
    for _ in range(400):
        point = optimizer.step(point, evaluate)
        if float(point.loss.total) < 1e-8:
            break
    scipy_result = scipy.optimize.minimize(
        scipy.optimize.rosen,
        MINUS_ONES.flatten().numpy(),
        jac=scipy.optimize.rosen_der,
        method="L-BFGS-B",
    )
    assert float(point.loss.total) < 1e-8
    assert evaluate.count <= 1.5 * scipy_result.nfev


def test_the_loss_never_rises() -> None:
    evaluate, optimizer = Evaluator(rosenbrock), LBFGS(1.0)
    point = evaluate(MINUS_ONES)
    for _ in range(100):
        following = optimizer.step(point, evaluate)
        assert float(following.loss.total) <= float(point.loss.total)
        point = following


def test_a_rise_within_the_rounding_error_costs_no_further_evaluation() -> None:
    quadratic = Quadratic()
    lowest = quadratic.value(quadratic.minimum)

    def rounded_up(image: Tensor) -> Tensor:
        # To multiples of 0.01: near the minimum, no step is seen to fall.
        value = quadratic(image)
        return value + (torch.ceil(value.detach() * 100) / 100 - value.detach())

    most_evaluations = []
    for loss_noise in (0.0, 0.02 / abs(lowest)):
        evaluate, optimizer = Evaluator(rounded_up), LBFGS(1, loss_noise=loss_noise)
        point = evaluate(quadratic.start)
        per_step = []
        for _ in range(30):
            before = evaluate.count
            point = optimizer.step(point, evaluate)
            per_step.append(evaluate.count - before)
        most_evaluations.append(max(per_step))
    strict, tolerant = most_evaluations
    assert tolerant <= 2 < strict
    assert float(quadratic(point.image)) == pytest.approx(lowest, rel=1e-6)


def test_a_step_to_a_loss_that_is_not_finite_is_shortened() -> None:
    def finite_below_1(image: Tensor) -> Tensor:
        return -(torch.log(1 - image) + image * 3).sum()

    start = row(torch.full((4,), 0.1, dtype=torch.float64))
    point = minimise(LBFGS(10.0), finite_below_1, start, steps=40)
    np.testing.assert_allclose(point.image.flatten().numpy(), 2 / 3, atol=1e-4)


def test_a_minimum_is_not_left() -> None:
    start = row(torch.zeros(3))
    point = minimise(LBFGS(1.0), lambda image: (image**2).sum(), start, steps=5)
    assert torch.equal(point.image, start)


def test_the_loss_is_not_evaluated_again_where_no_step_reduced_it() -> None:
    # As rounding does near a minimum: the loss stays the same while the gradient is not 0.
    evaluate = Evaluator(lambda image: image.sum() - image.sum().detach())
    optimizer = LBFGS(1.0)
    start = evaluate(row(torch.ones(4)))
    point = optimizer.step(start, evaluate)
    assert point is start
    evaluations = evaluate.count
    for _ in range(5):
        assert optimizer.step(point, evaluate) is point
    assert evaluate.count == evaluations
    optimizer.slow_down()  # a shorter step may reduce it
    optimizer.step(point, evaluate)
    assert evaluate.count > evaluations


@pytest.mark.parametrize(
    ("large", "largest", "expected"), [(2**20, 2**22, 10), (0, 2**22, 4), (0, 0, 2)]
)
def test_only_the_last_ten_pairs_are_kept_and_fewer_of_a_large_image(
    monkeypatch: pytest.MonkeyPatch, large: int, largest: int, expected: int
) -> None:
    monkeypatch.setattr(lbfgs, "LARGE_PIXELS", large)
    monkeypatch.setattr(LBFGS, "_LARGEST_PIXELS", largest)
    evaluate, optimizer = Evaluator(rosenbrock), LBFGS(0.5)
    point = evaluate(MINUS_ONES)
    counts = []
    for _ in range(15):
        point = optimizer.step(point, evaluate)
        counts.append(sum(name.endswith(".s") for name in optimizer.state()))
    assert counts[:2] == [1, 2]
    assert max(counts) == counts[-1] == expected


def test_the_pairs_of_a_large_image_are_kept_in_bfloat16_and_restored_bit_for_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lbfgs, "LARGE_PIXELS", 0)
    evaluate, optimizer = Evaluator(rosenbrock), LBFGS(0.5)
    point = evaluate(MINUS_ONES)
    for _ in range(6):
        point = optimizer.step(point, evaluate)
    state = optimizer.state()
    kept = [tensor for name, tensor in state.items() if name.endswith((".s", ".y"))]
    assert {tensor.dtype for tensor in kept} == {torch.bfloat16}
    resumed = LBFGS(0.5)
    resumed.restore(state)
    assert torch.equal(optimizer.step(point, evaluate).image, resumed.step(point, evaluate).image)
    start = evaluate(MINUS_ONES).loss.total
    assert point.loss.total < 0.1 * start
