"""Adam, kept within the range of colours."""

from __future__ import annotations

import torch

from core.nst.optimizers.point import Evaluate, Point, State


class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.

    Args:
        learning_rate: the size of a step, in the units of the picture.
    """

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, learning_rate: float) -> None:
        self._learning_rate = learning_rate
        self._count = 0
        self._first = torch.zeros(())  # the mean of gradients
        self._second = torch.zeros(())  # the mean of their squares

    def step(self, point: Point, evaluate: Evaluate) -> Point:
        """One step, kept within the range of colours. Never waits for the device."""
        g = point.gradient
        self._count += 1
        self._first = self.BETA1 * self._first.to(g) + (1 - self.BETA1) * g
        self._second = self.BETA2 * self._second.to(g) + (1 - self.BETA2) * g**2
        first = self._first / (1 - self.BETA1**self._count)
        second = self._second / (1 - self.BETA2**self._count)
        image = point.image - self._learning_rate * first / (second.sqrt() + self.EPSILON)
        return evaluate(image.clamp(0, 1))

    def slow_down(self) -> None:
        """Halve the learning rate."""
        self._learning_rate /= 2

    def state(self) -> State:
        """Learning rate, count and both means."""
        return {
            "adam.learning_rate": torch.tensor(self._learning_rate, dtype=torch.float64),
            "adam.count": torch.tensor(self._count),
            "adam.first": self._first,
            "adam.second": self._second,
        }

    def restore(self, state: State) -> None:
        """Go on from a state."""
        self._learning_rate = float(state["adam.learning_rate"])
        self._count = int(state["adam.count"])
        self._first, self._second = state["adam.first"], state["adam.second"]
