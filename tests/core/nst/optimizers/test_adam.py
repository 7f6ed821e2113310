"""Adam."""

from __future__ import annotations

import numpy as np

from core.nst.optimizers.adam import Adam
from tests.core.nst.optimizers.functions import Evaluator, Quadratic


def test_the_first_steps_match_algorithm_1_of_the_paper() -> None:
    # Kingma and Ba, algorithm 1, written out.
    quadratic = Quadratic()
    evaluate = Evaluator(quadratic)
    point, optimizer = evaluate(quadratic.start + 0.5), Adam(0.02)
    x, m, v = np.full(12, 0.5), np.zeros(12), np.zeros(12)
    for t in range(1, 6):
        g = quadratic.gradient(x)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        x = x - 0.02 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        x = x.clip(0, 1)
        point = optimizer.step(point, evaluate)
        np.testing.assert_allclose(point.image.flatten().numpy(), x, rtol=1e-10)
    assert evaluate.count == 6
