"""L-BFGS within bounds, with a backtracking line search."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core.nst.optimizers.curvature import Curvature
from core.nst.optimizers.planes import dot
from core.nst.optimizers.point import Evaluate, Point, State
from core.nst.optimizers.preconditioner import Preconditioner, identity
from core.nst.optimizers.two_loop import Pair, first_loop, inverse_gamma, second_loop
from core.params import LARGE_PIXELS


class LBFGS:
    """Nocedal and Wright, "Numerical Optimization" (2nd edition, 2006), algorithms 7.4 and 7.5.

    The step length starts at the learning rate and shrinks until the loss falls sufficiently
    (Armijo's condition, eq. 3.4). The first length is nearly always accepted, so a step costs
    one evaluation. The loss may rise by as much as its rounding error, which could hide a fall
    (Shi, Xie, Byrd and Nocedal, "A Noise-Tolerant Quasi-Newton Algorithm for Unconstrained
    Optimization", 2022, section 4). A step to a loss that is not finite is shortened.

    Pixels at a bound whose gradient points outwards are left out of the direction, and the
    others stop at their bound: Bertsekas, "Projected Newton Methods for Optimization Problems
    with Simple Constraints" (1982), with this H.

    Departure: the paper names L-BFGS and nothing more. The number of pairs, the line search and
    the bounds are choices made here; docs/algorithm.md gives the reasons.

    Args:
        learning_rate: the first step length to try.
        preconditioner: P of H_0 = gamma D P D, where D is the square root of the inverse of
            :class:`core.nst.optimizers.curvature.Curvature`. Algorithm 7.4 leaves H_0 free.
        bounds: the lowest and highest value of a pixel. The first image is within them.
        loss_noise: the relative rounding error of the loss.
    """

    #: The number of pairs (s, y) that are kept: fewer of large images, and in bfloat16, because
    #: they would take more memory than all else. With 4 pairs, totals were at most 0.9 % higher
    #: (bench/attempts.md). The largest images take few steps.
    HISTORY, LARGE_HISTORY, LARGEST_HISTORY = 10, 4, 2
    _LARGEST_PIXELS = 2**22
    #: The root mean square change of the first step, in pixel values from 0 to 1: before the
    #: first pair, nothing is known about the length of a step.
    FIRST_CHANGE = 0.01
    SUFFICIENT = 1e-4  # c_1 of eq. 3.4
    MAX_TRIALS = 10
    #: A pair is kept if s . y is larger than this many times y . y.
    LEAST_CURVATURE = 1e-10

    def __init__(
        self,
        learning_rate: float,
        preconditioner: Preconditioner = identity,
        bounds: tuple[float, float] = (-math.inf, math.inf),
        loss_noise: float = 0,
    ) -> None:
        self._learning_rate = learning_rate
        self.precondition = preconditioner
        self.bounds = bounds
        self.loss_noise = loss_noise
        #: The last pairs, oldest first.
        self._pairs: list[Pair] = []
        self._curvature = Curvature()
        #: The point from which no step reduced the loss, if there is one.
        self._converged: Point | None = None

    @classmethod
    def history(cls, pixels: int) -> int:
        """Return the number of pairs that are kept of an image with that many pixels."""
        if pixels > cls._LARGEST_PIXELS:
            return cls.LARGEST_HISTORY
        return cls.HISTORY if pixels <= LARGE_PIXELS else cls.LARGE_HISTORY

    def step(self, point: Point, evaluate: Evaluate) -> Point:
        """Return the next point, or the same one if no direction reduces the loss.

        Returns a point that is not finite if the loss is not finite for any step length.
        """
        if self.is_converged(point):
            return point
        blocked = blocked_pixels(point.image, point.gradient, self.bounds)
        direction = self._direction(point.gradient.masked_fill(blocked, 0))
        direction.masked_fill_(blocked, 0)
        del blocked  # beside the evaluations, as little memory as possible is used
        downhill = dot(direction, point.gradient)
        length = self._learning_rate if self._pairs else self._first_length(direction)
        fallback = point
        for _ in range(self.MAX_TRIALS):
            image = point.image.addcmul(direction.new_tensor(length), direction)
            trial = evaluate(image.clamp_(*self.bounds))
            del image
            s, y = trial.image - point.image, trial.gradient - point.gradient
            slope, start, reached, expected, sy, yy = _to_floats(
                *(downhill, point.loss.total, trial.loss.total),
                *(dot(point.gradient, s), dot(s, y), dot(y, y)),
            )
            if not slope < 0:
                break
            if expected < 0:  # the bounds leave a part of the step
                fallback = point if math.isfinite(reached) else trial
                highest = start + self.loss_noise * abs(start) + self.SUFFICIENT * expected
                if reached <= highest:
                    if sy > self.LEAST_CURVATURE * yy:
                        self._remember(s, y)
                    return trial
            del s, y
            length *= _shrink(start, expected, reached)
        if self._pairs:
            # The pairs mislead: forget them, and take the steepest descent.
            self._pairs = []
            return self.step(point, evaluate)
        self.stop_at(fallback)
        return fallback

    def is_converged(self, point: Point) -> bool:
        """Return whether no step from the point reduced the loss."""
        return point is self._converged

    def stop_at(self, point: Point) -> None:
        """Make no more steps from the point."""
        self._converged = point

    def slow_down(self) -> None:
        """Halve the first step length to try, and forget the pairs."""
        self._learning_rate /= 2
        self._pairs = []
        self._converged = None

    def forget(self) -> None:
        """Forget the pairs, because y belongs to the objective before. Keep the curvature."""
        self._pairs = []
        self._converged = None

    def state(self) -> State:
        """Return the learning rate, the pairs, and the curvature."""
        means = self._curvature.means
        state: State = {} if means is None else {"lbfgs.curvature": means}
        for number, (s, y, rho) in enumerate(self._pairs):
            state |= {f"lbfgs.{number}.s": s, f"lbfgs.{number}.y": y, f"lbfgs.{number}.rho": rho}
        rate = torch.tensor(self._learning_rate, dtype=torch.float64)
        return {"lbfgs.learning_rate": rate, **state}

    def restore(self, state: State) -> None:
        """Continue from a state."""
        self._learning_rate = float(state["lbfgs.learning_rate"])
        count = sum(name.endswith(".rho") for name in state)
        self._pairs = [
            (state[f"lbfgs.{n}.s"], state[f"lbfgs.{n}.y"], state[f"lbfgs.{n}.rho"])
            for n in range(count)
        ]
        self._curvature = Curvature(state.get("lbfgs.curvature"))

    def _first_length(self, direction: Tensor) -> float:
        """The step length before the first pair. Waits for the device."""
        change = float(direction.square().mean().sqrt())
        return self._learning_rate * self.FIRST_CHANGE / max(change, torch.finfo().tiny)

    def _direction(self, q: Tensor) -> Tensor:
        """-H q, without waiting for the device.

        Args:
            q: shape (1, C, H, W); overwritten.
        """
        alphas = first_loop(q, self._pairs)
        D = self._curvature.inverse_root(*q.shape[2:])  # (1, C, H, W)
        q = self.precondition(q.mul_(D)).mul_(D)
        if self._pairs:
            q.div_(inverse_gamma(self._pairs[-1], D, self.precondition))
        second_loop(q, self._pairs, alphas)
        return q.neg_()

    def _remember(self, s: Tensor, y: Tensor) -> None:
        self._curvature = self._curvature.with_pair(s, y)
        pixels = s[0, 0].numel()
        if pixels > LARGE_PIXELS:
            s, y = s.bfloat16(), y.bfloat16()
        before = self.history(pixels) - 1
        self._pairs = [*self._pairs[-before:], (s, y, 1 / dot(s, y))]


def blocked_pixels(image: Tensor, gradient: Tensor, bounds: tuple[float, float]) -> Tensor:
    """Return whether a pixel is at a bound and its gradient points outwards: (1, C, H, W)."""
    low, high = bounds
    blocked = (image <= low) & (gradient > 0)
    blocked |= (image >= high) & (gradient < 0)
    return blocked


def _to_floats(*scalars: Tensor) -> list[float]:
    """Read several scalars, waiting for the device only once."""
    numbers: list[float] = torch.stack(scalars).tolist()
    return numbers


def _shrink(start: float, expected: float, reached: float) -> float:
    """The factor at which a parabola through both losses and the slope is lowest, bounded."""
    if not math.isfinite(reached):
        return 0.1
    curvature = reached - start - expected
    return min(0.5, max(0.1, -expected / (2 * curvature))) if curvature > 0 else 0.5
