"""From a start down to the end of one scale, and back up from a bad step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import LossNotFinite
from core.nst.objective import Objective
from core.nst.optimizers import Optimizer
from core.nst.points import Point, State

#: On a GPU, asking whether a loss is finite waits for all that was asked before,
#: so it is asked only so often. On a CPU it costs nothing.
_CHECK_EVERY_ON_GPU = 10

#: How often to slow down before computing in float32, and then before giving up.
_SLOWER_TIMES = 3


@dataclass(frozen=True)
class Reached:
    """The point after so many steps, and the optimiser's state there."""

    step: int
    point: Point
    state: State


def descend(
    objective: Objective, image: Tensor, optimizer: Optimizer, steps: int, first: int = 0
) -> Iterator[Reached]:
    """Make the steps, giving every point from ``first`` to ``steps``.

    A loss that is not finite is rolled back to the last that was, and tried
    again in smaller steps, then in float32.

    Raises:
        LossNotFinite: all of that did not help.
    """
    every = _CHECK_EVERY_ON_GPU if image.is_cuda else 1
    recovery = _Recovery(objective, optimizer)
    reached = Reached(first, recovery.point(image), optimizer.state())
    shown = first - 1
    while True:
        if reached.step % every == 0 or reached.step == steps:
            reached = recovery.checked(reached)
        if reached.step > shown:  # what was rolled back is not shown twice
            shown = reached.step
            yield reached
        if reached.step == steps:
            return
        point = optimizer.step(reached.point, recovery.point)
        reached = Reached(reached.step + 1, point, optimizer.state())


class _Recovery:
    """Remembers the last point that was finite, and what has been tried since."""

    def __init__(self, objective: Objective, optimizer: Optimizer) -> None:
        self._objective = objective
        self._optimizer = optimizer
        self._safe: Reached | None = None
        self._attempts = 0

    def point(self, image: Tensor) -> Point:
        """The point of a picture."""
        return Point(image, *self._objective.with_gradient(image))

    def checked(self, reached: Reached) -> Reached:
        """The same if it is finite, else where to go on from."""
        while not _finite(reached.point):
            self._attempts += 1
            if self._attempts > 2 * _SLOWER_TIMES:
                raise LossNotFinite(_explain(reached.point))
            if self._attempts == _SLOWER_TIMES:
                self._objective = self._objective.in_float32()
            reached = self._safe or reached
            self._optimizer.restore(reached.state)
            for _ in range(self._attempts):
                self._optimizer.slow_down()
            again = self.point(reached.point.image)
            reached = Reached(reached.step, again, self._optimizer.state())
        self._safe = reached
        return reached


def _finite(point: Point) -> bool:
    return bool(torch.isfinite(point.loss.total) & torch.isfinite(point.gradient.sum()))


def _explain(point: Point) -> str:
    loss = point.loss
    return (
        f"the loss became {float(loss.total)} (content {float(loss.content)}, style "
        f"{float(loss.style)}), also with smaller steps and in float32; lower learning_rate, "
        "content_weight or style_weight"
    )
