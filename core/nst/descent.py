"""From a start down to the end of one scale, and back up from a bad step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import LossNotFinite
from core.nst.network.graph import recorded
from core.nst.objective import Objective
from core.nst.optimizers.optimizer import Optimizer
from core.nst.optimizers.point import Point, State

#: On a GPU, asking whether a loss is finite waits for all that was asked before. Where
#: a picture is so small that asking for a step takes longer than making it, the steps
#: are asked for so many at a time.
_AT_A_TIME = 10
_SMALL = 512 * 512

#: How often to slow down before computing in float32, and then before giving up.
_SLOWER_TIMES = 3


@dataclass(frozen=True)
class Reached:
    """The point after so many steps, and what the next step depends on beside it."""

    step: int
    point: Point
    #: The optimiser's state.
    state: State
    #: How often a loss was not finite until here.
    incidents: int


def descend_all(
    legs: Sequence[tuple[int, Objective]],
    image: Tensor,
    optimizer: Optimizer,
    first: int = 0,
    incidents: int = 0,
) -> Iterator[Reached]:
    """Follow one objective after the other, each until so many steps are made.

    The optimiser keeps what it has learned. As :func:`descend`, for each.
    """
    shown = first - 1
    for steps, objective in legs:
        if first >= steps != legs[-1][0]:
            continue
        for reached in descend(objective, image, optimizer, steps, first, incidents):
            if reached.step > shown:  # the end of a leg is the beginning of the next
                shown = reached.step
                yield reached
        first, image, incidents = reached.step, reached.point.image, reached.incidents


def descend(
    objective: Objective,
    image: Tensor,
    optimizer: Optimizer,
    steps: int,
    first: int = 0,
    incidents: int = 0,
) -> Iterator[Reached]:
    """Make the steps, giving every point from ``first`` to ``steps``.

    A loss that is not finite is rolled back to the last that was, and tried
    again in smaller steps, then in float32. On a GPU not all points of a small
    picture are given, but all that are given are finite.

    Args:
        objective: what to minimise.
        image: what to start from.
        optimizer: makes the steps.
        steps: how many there are.
        first: how many of them were made before.
        incidents: how often a loss was not finite in those.

    Raises:
        LossNotFinite: all of that did not help.
    """
    small = image.shape[2] * image.shape[3] < _SMALL
    every = _AT_A_TIME if image.is_cuda and small else 1
    recovery = _Recovery(objective, optimizer, incidents, image)
    reached = recovery.reached(first, recovery.point(image))
    shown = first - 1
    while True:
        if reached.step % every == 0 or reached.step in (first, steps):
            reached = recovery.checked(reached)
            if reached.step > shown:  # what was rolled back is not shown twice
                shown = reached.step
                yield reached
        if reached.step == steps:
            return
        point = optimizer.step(reached.point, recovery.point)
        reached = recovery.reached(reached.step + 1, point)


class _Recovery:
    """Remembers the last point that was finite, and how often one was not."""

    def __init__(
        self, objective: Objective, optimizer: Optimizer, incidents: int, image: Tensor
    ) -> None:
        self._in_float32 = objective.in_float32()
        chosen = objective if incidents < _SLOWER_TIMES else self._in_float32
        self._with_gradient = recorded(chosen.with_gradient, image)
        self._optimizer = optimizer
        self._incidents = incidents
        self._safe: Reached | None = None

    def point(self, image: Tensor) -> Point:
        """The point of a picture."""
        return Point(image, *self._with_gradient(image))

    def reached(self, step: int, point: Point) -> Reached:
        """The point with the state that belongs to it."""
        return Reached(step, point, self._optimizer.state(), self._incidents)

    def checked(self, reached: Reached) -> Reached:
        """The same if it is finite, else where to go on from."""
        while not _finite(reached.point):
            self._incidents += 1
            if self._incidents > 2 * _SLOWER_TIMES:
                raise LossNotFinite(_explain(reached.point))
            if self._incidents == _SLOWER_TIMES:
                self._with_gradient = self._in_float32.with_gradient
            reached = self._safe or reached
            self._optimizer.restore(reached.state)
            for _ in range(self._incidents):
                self._optimizer.slow_down()
            reached = self.reached(reached.step, self.point(reached.point.image))
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
