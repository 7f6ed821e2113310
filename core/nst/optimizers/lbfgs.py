"""L-BFGS within bounds, with a line search."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core.nst.optimizers.curvature import Curvature
from core.nst.optimizers.point import Evaluate, Point, State
from core.nst.optimizers.preconditioner import Preconditioner, identity


class LBFGS:
    """Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4 and 7.5.

    The step length starts at 1 and shrinks until the loss falls enough (Armijo,
    eq. 3.4); nearly always the first is taken, so that a step costs one
    evaluation. The loss never rises by more than the rounding of it, which may hide a fall
    (Shi, Xie, Byrd and Nocedal, "A Noise-Tolerant Quasi-Newton Algorithm for Unconstrained
    Optimization", 2022, section 4), and a step that is not finite is made shorter.

    The paper says L-BFGS and no more; what is chosen here is in docs/algorithm.md.

    Pixels at a bound that would only go beyond it are left out of the direction, and
    the others are stopped at theirs: Bertsekas, "Projected Newton Methods for
    Optimization Problems with Simple Constraints" (1982), with this H.

    Args:
        learning_rate: the first step length to try.
        preconditioner: P of H_0 = gamma D P D (algorithm 7.4 leaves H_0 free), where D is
            the root of the inverse of :class:`core.nst.optimizers.curvature.Curvature`.
        bounds: of every pixel; what is started from is within them.
        rounding: what part of the loss rounding may add to it or take from it.
    """

    HISTORY = 10
    #: What the first step changes, as the root of the mean of squares: while no pair says
    #: how long a step should be, in the units of a picture.
    FIRST_CHANGE = 0.01
    _SUFFICIENT = 1e-4  # c_1 of eq. 3.4
    _TRIALS = 10

    def __init__(
        self,
        learning_rate: float,
        preconditioner: Preconditioner = identity,
        bounds: tuple[float, float] = (-math.inf, math.inf),
        rounding: float = 0,
    ) -> None:
        self._learning_rate = learning_rate
        self._precondition = preconditioner
        self._bounds = bounds
        self._rounding = rounding
        #: The last changes of picture and gradient, and 1 / (s . y), oldest first.
        self._pairs: list[tuple[Tensor, Tensor, Tensor]] = []
        self._curvature = Curvature()
        #: From where no step led further down, if that was so.
        self._end: Point | None = None

    def step(self, point: Point, evaluate: Evaluate) -> Point:
        """The next point; the same one, if no direction leads further down.

        One that is not finite, if the loss is not finite however short the step is.
        """
        if point is self._end:
            return point
        free = self._free(point)
        direction = free * self._direction(free * point.gradient)
        downhill = _dot(direction, point.gradient)
        length = self._learning_rate if self._pairs else self._first_length(direction)
        stuck = point
        for _ in range(self._TRIALS):
            trial = evaluate((point.image + length * direction).clamp(*self._bounds))
            s, y = trial.image - point.image, trial.gradient - point.gradient
            slope, start, reached, expected, curvature, square = _numbers(
                *(downhill, point.loss.total, trial.loss.total),
                *(_dot(point.gradient, s), _dot(s, y), _dot(y, y)),
            )
            if not slope < 0:
                break
            if expected < 0:  # the step leads somewhere
                stuck = point if math.isfinite(reached) else trial
                highest = start + self._rounding * abs(start) + self._SUFFICIENT * expected
                if reached <= highest:
                    if curvature > 1e-10 * square:
                        self._remember(s, y)
                    return trial
            length *= _shrink(start, expected, reached)
        if self._pairs:
            # The memory misleads: forget it, and go straight down.
            self._pairs = []
            return self.step(point, evaluate)
        self._end = stuck
        return stuck

    def slow_down(self) -> None:
        """Halve the first step length to try, and forget the past."""
        self._learning_rate /= 2
        self._pairs = []
        self._end = None

    def state(self) -> State:
        """Learning rate, history and curvature."""
        means = self._curvature.means
        named: State = {} if means is None else {"lbfgs.curvature": means}
        for number, (s, y, rho) in enumerate(self._pairs):
            named |= {f"lbfgs.{number}.s": s, f"lbfgs.{number}.y": y, f"lbfgs.{number}.rho": rho}
        rate = torch.tensor(self._learning_rate, dtype=torch.float64)
        return {"lbfgs.learning_rate": rate, **named}

    def restore(self, state: State) -> None:
        """Go on from a state."""
        self._learning_rate = float(state["lbfgs.learning_rate"])
        count = sum(name.endswith(".rho") for name in state)
        self._pairs = [
            (state[f"lbfgs.{n}.s"], state[f"lbfgs.{n}.y"], state[f"lbfgs.{n}.rho"])
            for n in range(count)
        ]
        self._curvature = Curvature(state.get("lbfgs.curvature"))

    def _first_length(self, direction: Tensor) -> float:
        """How far to go while no pair says how long a step should be. Waits for the device."""
        change = float(direction.square().mean().sqrt())
        return self._learning_rate * self.FIRST_CHANGE / max(change, torch.finfo().tiny)

    def _free(self, point: Point) -> Tensor:
        """1 where a pixel may go where its gradient leads it, else 0."""
        low, high = self._bounds
        stuck = (point.image <= low) & (point.gradient > 0)
        stuck |= (point.image >= high) & (point.gradient < 0)
        return (~stuck).to(point.gradient)

    def _direction(self, gradient: Tensor) -> Tensor:
        """-H g by the two-loop recursion, without waiting for the device."""
        q = gradient
        alphas = []
        for s, y, rho in reversed(self._pairs):
            alpha = rho * _dot(s, q)
            q = torch.addcmul(q, alpha, y, value=-1)
            alphas.append(alpha)
        D = self._curvature.inverse_root(*gradient.shape[2:])
        q = D * self._precondition(D * q)
        if self._pairs:
            s, y, rho = self._pairs[-1]
            z = D * y
            q = q / (rho * _dot(z, self._precondition(z)))  # gamma of eq. 7.20, with D P D
        for (s, y, rho), alpha in zip(self._pairs, reversed(alphas), strict=True):
            q = torch.addcmul(q, alpha - rho * _dot(y, q), s)
        return -q

    def _remember(self, s: Tensor, y: Tensor) -> None:
        self._curvature = self._curvature.with_pair(s, y)
        self._pairs = [*self._pairs[-(self.HISTORY - 1) :], (s, y, 1 / _dot(s, y))]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.dot(a.flatten(), b.flatten())


def _numbers(*scalars: Tensor) -> list[float]:
    """Wait for the device once, for all of them."""
    numbers: list[float] = torch.stack(scalars).tolist()
    return numbers


def _shrink(start: float, expected: float, reached: float) -> float:
    """Where a parabola through both losses and the slope is lowest, within bounds."""
    if not math.isfinite(reached):
        return 0.1
    curvature = reached - start - expected
    return min(0.5, max(0.1, -expected / (2 * curvature))) if curvature > 0 else 0.5
