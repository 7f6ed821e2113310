"""Adam and L-BFGS on functions whose answers are known, of pictures one pixel high."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from core.nst.optimizers.adam import Adam
from core.nst.optimizers.lbfgs import LBFGS
from core.nst.optimizers.optimizer import PixelOptimizer, make_optimizer
from core.nst.optimizers.point import LossTerms, Point
from core.params import Optimizer as Name

Function = Callable[[Tensor], Tensor]
NOTHING = torch.zeros(())


def evaluator(function: Function) -> tuple[Callable[[Tensor], Point], list[int]]:
    """How to evaluate a function, and a count of how often it was."""
    count = [0]

    def evaluate(x: Tensor) -> Point:
        count[0] += 1
        x = x.detach().requires_grad_()
        value = function(x.flatten())
        (gradient,) = torch.autograd.grad(value, x)
        return Point(x.detach(), LossTerms(value.detach(), NOTHING, NOTHING, NOTHING), gradient)

    return evaluate, count


def row(x: Tensor) -> Tensor:
    """The vector as a picture: shape (1, 1, 1, len(x))."""
    return x.view(1, 1, 1, -1)


def minimise(optimizer: PixelOptimizer, function: Function, start: Tensor, steps: int) -> Point:
    evaluate, _ = evaluator(function)
    point = evaluate(start)
    for _ in range(steps):
        point = optimizer.step(point, evaluate)
    return point


def quadratic(size: int = 12) -> tuple[Function, Tensor, np.ndarray, np.ndarray]:
    """1/2 x A x - b x, with condition number 100; its minimum is A^-1 b."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
    a = basis @ np.diag(np.geomspace(1, 100, size)) @ basis.T
    b = rng.normal(size=size)
    A, B = torch.from_numpy(a), torch.from_numpy(b)
    return lambda x: 0.5 * x @ A @ x - B @ x, row(torch.zeros(size, dtype=torch.float64)), a, b


def rosenbrock(x: Tensor) -> Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def test_adams_first_steps_are_those_of_its_paper() -> None:
    # Kingma and Ba, algorithm 1, written by hand.
    function, start, a, b = quadratic()
    evaluate, _ = evaluator(function)
    point, optimizer = evaluate(start + 0.5), Adam(0.02)
    x, m, v = np.full(12, 0.5), np.zeros(12), np.zeros(12)
    for t in range(1, 6):
        g = a @ x - b
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        x = x - 0.02 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        x = x.clip(0, 1)
        point = optimizer.step(point, evaluate)
        np.testing.assert_allclose(point.image.flatten().numpy(), x, rtol=1e-10)


def test_lbfgs_reaches_the_minimum_of_a_quadratic_as_scipys_does() -> None:
    function, start, a, b = quadratic()
    point = minimise(LBFGS(1.0), function, start, steps=60)
    theirs = scipy.optimize.minimize(
        lambda x: 0.5 * x @ a @ x - b @ x,
        np.zeros(12),
        jac=lambda x: a @ x - b,
        method="L-BFGS-B",
        options={"maxcor": 10, "gtol": 1e-9, "ftol": 1e-15},
    )
    np.testing.assert_allclose(point.image.flatten().numpy(), theirs.x, atol=1e-5)
    np.testing.assert_allclose(point.image.flatten().numpy(), np.linalg.solve(a, b), atol=1e-5)


def test_lbfgs_needs_no_more_evaluations_than_scipys_by_half() -> None:
    start = row(torch.full((10,), -1.0, dtype=torch.float64))
    evaluate, count = evaluator(rosenbrock)
    optimizer = LBFGS(1.0)
    point = evaluate(start)
    for _ in range(400):
        point = optimizer.step(point, evaluate)
        if float(point.loss.total) < 1e-8:
            break
    theirs = scipy.optimize.minimize(
        scipy.optimize.rosen,
        start.flatten().numpy(),
        jac=scipy.optimize.rosen_der,
        method="L-BFGS-B",
    )
    assert float(point.loss.total) < 1e-8
    assert count[0] <= 1.5 * theirs.nfev


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.0, 0.05), (-0.02, 0.02)])
def test_lbfgs_reaches_the_minimum_within_bounds_as_scipys_does(
    bounds: tuple[float, float],
) -> None:
    function, start, a, b = quadratic()
    point = minimise(LBFGS(1.0, bounds=bounds), function, start, steps=100)
    theirs = scipy.optimize.minimize(
        lambda x: 0.5 * x @ a @ x - b @ x,
        np.zeros(12),
        jac=lambda x: a @ x - b,
        method="L-BFGS-B",
        bounds=[bounds] * 12,
        options={"gtol": 1e-10, "ftol": 1e-16},
    )
    assert np.isin(theirs.x, bounds).any()  # or it would be the case without bounds
    np.testing.assert_allclose(point.image.flatten().numpy(), theirs.x, atol=1e-5)


@pytest.mark.parametrize("name", Name)
def test_no_optimiser_leaves_the_range_of_colours(name: Name) -> None:
    evaluate, _ = evaluator(lambda x: ((x - torch.linspace(-1, 2, 10)) ** 2).sum())
    point, optimizer = evaluate(row(torch.full((10,), 0.5))), make_optimizer(name, 0.5)
    for _ in range(60):
        point = optimizer.step(point, evaluate)
        assert float(point.image.min()) >= 0
        assert float(point.image.max()) <= 1
    expected = torch.linspace(-1, 2, 10).clamp(0, 1)
    np.testing.assert_allclose(point.image.flatten().numpy(), expected.numpy(), atol=0.02)


def test_the_loss_of_lbfgs_never_rises() -> None:
    evaluate, _ = evaluator(rosenbrock)
    point, optimizer = evaluate(row(torch.full((10,), -1.0, dtype=torch.float64))), LBFGS(1.0)
    for _ in range(100):
        after = optimizer.step(point, evaluate)
        assert float(after.loss.total) <= float(point.loss.total)
        point = after


def test_a_rise_that_rounding_can_explain_costs_lbfgs_no_further_evaluation() -> None:
    function, start, a, b = quadratic()
    lowest = float(-0.5 * b @ np.linalg.solve(a, b))

    def rounded(x: Tensor) -> Tensor:
        # To steps of a hundredth, upwards: where the valley is flat, no step is seen to fall.
        value = function(x)
        return value + (torch.ceil(value.detach() * 100) / 100 - value.detach())

    dearest = []
    for rounding in (0.0, 0.02 / abs(lowest)):
        evaluate, count = evaluator(rounded)
        optimizer, point = LBFGS(1, loss_noise=rounding), evaluate(start)
        evaluations = []
        for _ in range(30):
            before = count[0]
            point = optimizer.step(point, evaluate)
            evaluations.append(count[0] - before)
        dearest.append(max(evaluations))
    patient, tolerant = dearest
    assert tolerant <= 2 < patient
    assert float(function(point.image.flatten())) == pytest.approx(lowest, rel=1e-6)


def test_lbfgs_backs_out_of_a_step_that_is_not_finite() -> None:
    # A wall: beyond 1 the function is not a number.
    def walled(x: Tensor) -> Tensor:
        return -(torch.log(1 - x) + x * 3).sum()

    start = row(torch.full((4,), 0.1, dtype=torch.float64))
    point = minimise(LBFGS(10.0), walled, start, steps=40)
    np.testing.assert_allclose(point.image.flatten().numpy(), 2 / 3, atol=1e-4)


def test_lbfgs_stays_at_a_minimum() -> None:
    point = minimise(LBFGS(1.0), lambda x: (x**2).sum(), row(torch.zeros(3)), steps=5)
    assert torch.equal(point.image, row(torch.zeros(3)))


def test_lbfgs_asks_no_more_where_no_step_led_further_down() -> None:
    # A slope, as rounding makes it at the bottom: the loss does not follow the gradient.
    flat, count = evaluator(lambda x: x.sum() - x.sum().detach())
    optimizer = LBFGS(1.0)
    start = flat(row(torch.ones(4)))
    point = optimizer.step(start, flat)
    assert point is start
    tried = count[0]
    for _ in range(5):
        assert optimizer.step(point, flat) is point
    assert count[0] == tried
    optimizer.slow_down()  # shorter steps may lead somewhere
    optimizer.step(point, flat)
    assert count[0] > tried


@pytest.mark.parametrize("name", Name)
@pytest.mark.parametrize("at", [0, 3, 14])
def test_a_state_put_back_goes_on_bit_for_bit(name: Name, at: int) -> None:
    start = row(torch.full((10,), 0.3, dtype=torch.float64))
    evaluate, _ = evaluator(rosenbrock)
    rate = {Name.ADAM: 0.02, Name.LBFGS: 1.0}[name]
    optimizer = make_optimizer(name, rate)
    points, states = [evaluate(start)], [optimizer.state()]
    for _ in range(20):
        points.append(optimizer.step(points[-1], evaluate))
        states.append(optimizer.state())
    again = make_optimizer(name, rate)
    again.restore(states[at])
    point = points[at]
    for expected in points[at + 1 :]:
        point = again.step(point, evaluate)
        assert torch.equal(point.image, expected.image)


@pytest.mark.parametrize("name", Name)
def test_slowing_down_halves_the_step(name: Name) -> None:
    function, start, _, _ = quadratic()
    evaluate, _ = evaluator(function)
    point = evaluate(start + 0.5)
    moved = []
    for slower in (0, 1):
        optimizer = make_optimizer(name, 0.01)
        for _ in range(slower):
            optimizer.slow_down()
        moved.append((optimizer.step(point, evaluate).image - point.image).abs().max())
    assert float(moved[1]) == pytest.approx(float(moved[0]) / 2, rel=1e-6)
