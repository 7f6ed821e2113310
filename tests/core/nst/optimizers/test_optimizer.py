"""What both optimisers have in common."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.nst.optimizers.optimizer import make_optimizer
from core.params import Optimizer
from tests.core.nst.optimizers.functions import Evaluator, Quadratic, rosenbrock, row


@pytest.mark.parametrize("name", Optimizer)
def test_pixels_stay_between_0_and_1_and_the_others_reach_their_minimum(name: Optimizer) -> None:
    unbounded = torch.linspace(-1, 2, 10)
    evaluate = Evaluator(lambda image: ((image.flatten() - unbounded) ** 2).sum())
    point, optimizer = evaluate(row(torch.full((10,), 0.5))), make_optimizer(name, 0.5)
    for _ in range(60):
        point = optimizer.step(point, evaluate)
        assert float(point.image.min()) >= 0
        assert float(point.image.max()) <= 1
    expected = unbounded.clamp(0, 1).numpy()
    np.testing.assert_allclose(point.image.flatten().numpy(), expected, atol=0.02)


@pytest.mark.parametrize("name", Optimizer)
@pytest.mark.parametrize("at", [0, 3, 14])
def test_an_optimiser_restored_from_a_state_continues_bit_for_bit(name: Optimizer, at: int) -> None:
    evaluate = Evaluator(rosenbrock)
    learning_rate = {Optimizer.ADAM: 0.02, Optimizer.LBFGS: 1.0}[name]
    optimizer = make_optimizer(name, learning_rate)
    points = [evaluate(row(torch.full((10,), 0.3, dtype=torch.float64)))]
    states = [optimizer.state()]
    for _ in range(20):
        points.append(optimizer.step(points[-1], evaluate))
        states.append(optimizer.state())
    restored = make_optimizer(name, learning_rate)
    restored.restore(states[at])
    point = points[at]
    for expected in points[at + 1 :]:
        point = restored.step(point, evaluate)
        assert torch.equal(point.image, expected.image)


@pytest.mark.parametrize("name", Optimizer)
def test_slowing_down_halves_the_step(name: Optimizer) -> None:
    quadratic = Quadratic()
    evaluate = Evaluator(quadratic)
    point = evaluate(quadratic.start + 0.5)
    normal, slower = (make_optimizer(name, 0.01) for _ in range(2))
    slower.slow_down()
    lengths = [
        float((optimizer.step(point, evaluate).image - point.image).abs().max())
        for optimizer in (normal, slower)
    ]
    assert lengths[1] == pytest.approx(lengths[0] / 2, rel=1e-6)
