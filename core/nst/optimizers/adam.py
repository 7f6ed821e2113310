"""Adam, with the pixels kept in [0, 1]."""

from __future__ import annotations

import torch

from core.nst.optimizers.point import Evaluate, Point, State


class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.

    Departure: the paper uses L-BFGS. Adam is used on request.

    Args:
        learning_rate: alpha, the length of a step in pixel values from 0 to 1.
    """

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, learning_rate: float) -> None:
        self._learning_rate = learning_rate
        self._t = 0
        self._m = torch.zeros(())  # first moment: the mean of the gradients, (1, C, H, W)
        self._v = torch.zeros(())  # second moment: the mean of their squares, (1, C, H, W)

    def step(self, point: Point, evaluate: Evaluate) -> Point:
        """Return the next point. Never waits for the device."""
        g = point.gradient
        self._t += 1
        self._m = self.BETA1 * self._m.to(g) + (1 - self.BETA1) * g
        self._v = self.BETA2 * self._v.to(g) + (1 - self.BETA2) * g**2
        m_hat = self._m / (1 - self.BETA1**self._t)
        v_hat = self._v / (1 - self.BETA2**self._t)
        image = point.image - self._learning_rate * m_hat / (v_hat.sqrt() + self.EPSILON)
        return evaluate(image.clamp(0, 1))

    def slow_down(self) -> None:
        """Halve the learning rate."""
        self._learning_rate /= 2

    def forget(self) -> None:
        """Keep the moments: within some steps they are those of the new objective."""

    def state(self) -> State:
        """Return the learning rate, the number of steps, and both moments."""
        return {
            "adam.learning_rate": torch.tensor(self._learning_rate, dtype=torch.float64),
            "adam.t": torch.tensor(self._t),
            "adam.m": self._m,
            "adam.v": self._v,
        }

    def restore(self, state: State) -> None:
        """Continue from a state."""
        self._learning_rate = float(state["adam.learning_rate"])
        self._t = int(state["adam.t"])
        self._m, self._v = state["adam.m"], state["adam.v"]
