"""Functions with known minima, evaluated as the optimisers expect it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from core.nst.optimizers.optimizer import PixelOptimizer
from core.nst.optimizers.point import LossTerms, Point

#: Maps an image to a scalar.
Function = Callable[[Tensor], Tensor]


class Evaluator:
    """Evaluates a function and its gradient, and counts how often."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self.count = 0

    def __call__(self, image: Tensor) -> Point:
        self.count += 1
        image = image.detach().requires_grad_()
        value = self._function(image)
        (gradient,) = torch.autograd.grad(value, image)
        zero = torch.zeros(())
        return Point(image.detach(), LossTerms(value.detach(), zero, zero, zero), gradient)


def minimise(optimizer: PixelOptimizer, function: Function, start: Tensor, steps: int) -> Point:
    """Return the point after some steps."""
    evaluate = Evaluator(function)
    point = evaluate(start)
    for _ in range(steps):
        point = optimizer.step(point, evaluate)
    return point


def row(x: Tensor) -> Tensor:
    """Return a vector as an image of shape (1, 1, 1, len(x))."""
    return x.view(1, 1, 1, -1)


class Quadratic:
    """1/2 x A x - b x for 12 numbers x, with condition number 100."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        basis = np.linalg.qr(rng.normal(size=(12, 12)))[0]
        self.A = basis @ np.diag(np.geomspace(1, 100, 12)) @ basis.T
        self.b = rng.normal(size=12)
        self.minimum = np.linalg.solve(self.A, self.b)
        self.start = row(torch.zeros(12, dtype=torch.float64))

    def __call__(self, image: Tensor) -> Tensor:
        x, A, b = image.flatten(), torch.from_numpy(self.A), torch.from_numpy(self.b)
        return 0.5 * x @ A @ x - b @ x

    def value(self, x: np.ndarray) -> float:
        return float(0.5 * x @ self.A @ x - self.b @ x)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.A @ x - self.b)


def rosenbrock(image: Tensor) -> Tensor:
    """Return Rosenbrock's function, whose minimum is 0 where all numbers are 1."""
    x = image.flatten()
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
