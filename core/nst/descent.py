"""The descent at one scale: steps that lower the objective, and recovery from bad ones."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from core.errors import LossNotFinite
from core.nst.network.cuda_graph import recorded
from core.nst.objective import Objective
from core.nst.optimizers.optimizer import PixelOptimizer
from core.nst.optimizers.point import Evaluate, LossTerms, Point, State

#: On a GPU, checking that a loss is finite waits for all work launched so far. Where pictures are
#: so small that launching a step takes longer than computing it, only every tenth step is checked.
_CHECK_EVERY = 10
_SMALL_PIXELS = 512 * 512

#: Losses that are not finite until the objective is computed in float32, and again until the
#: run fails.
_MAX_INCIDENTS = 3


class Descent:
    """The image of one scale on its way down; saves and restores itself.

    Args:
        image: the image to start from, shape (1, C, H, W).
        optimizer: makes the steps. It keeps what it has learned from phase to phase.
    """

    def __init__(self, image: Tensor, optimizer: PixelOptimizer) -> None:
        self.image = image
        #: Steps made in the current phase. Set it to 0 before the next phase.
        self.step = 0
        #: How often a loss was not finite at this scale.
        self._incidents = 0
        self._optimizer = optimizer

    def follow(self, objective: Objective, steps: int) -> Iterator[LossTerms]:
        """Make steps of one phase, and yield the loss before the first and after each.

        After a loss that is not finite, the descent returns to the last finite point and goes
        on in smaller steps, then in float32. Every loss that is yielded is finite. On a GPU
        only every tenth loss of a small picture is yielded.

        Args:
            objective: what to minimise.
            steps: how many steps of the phase are made in the end.

        Raises:
            LossNotFinite: the loss is not finite with smaller steps in float32 either.
        """
        precise = self._incidents >= _MAX_INCIDENTS
        evaluate = self._evaluation(objective.in_float32() if precise else objective)
        small = self.image.shape[2] * self.image.shape[3] < _SMALL_PIXELS
        every = _CHECK_EVERY if self.image.is_cuda and small else 1
        first, yielded = self.step, self.step - 1
        finite = self.state()
        point = evaluate(self.image)
        while True:
            if self.step % every == 0 or self.step in (first, steps):
                while not _is_finite(point):
                    self._slow_down_from(finite, point)
                    if self._incidents == _MAX_INCIDENTS:
                        evaluate = self._evaluation(objective.in_float32(), record=False)
                    point = evaluate(self.image)
                finite = self.state()
                if self.step > yielded:  # after a recovery, steps are made again
                    yielded = self.step
                    yield point.loss
            if self.step >= steps:
                return
            point = self._optimizer.step(point, evaluate)
            self.image = point.image
            self.step += 1

    def change_objective(self) -> None:
        """Forget what the optimiser has learned about the objective, because another follows."""
        self._optimizer.forget()

    def state(self) -> State:
        """Return everything that the next step depends on."""
        return {
            "image": self.image,
            "step": torch.tensor(self.step),
            "incidents": torch.tensor(self._incidents),
            **self._optimizer.state(),
        }

    def restore(self, state: State) -> None:
        """Continue from a state."""
        self.image = state["image"]
        self.step = int(state["step"])
        self._incidents = int(state["incidents"])
        self._optimizer.restore(state)

    def _evaluation(self, objective: Objective, *, record: bool = True) -> Evaluate:
        def evaluate(image: Tensor) -> tuple[Tensor, ...]:
            loss, gradient = objective.with_gradient(image)
            return (*loss, gradient)

        run = recorded(evaluate, self.image) if record else evaluate

        def point(image: Tensor) -> Point:
            *terms, gradient = run(image)
            return Point(image, LossTerms(*terms), gradient)

        return point

    def _slow_down_from(self, finite: State, bad: Point) -> None:
        """Return to the last finite state, with smaller steps after every incident."""
        incidents = self._incidents + 1
        if incidents > 2 * _MAX_INCIDENTS:
            raise LossNotFinite(_message(bad))
        self.restore(finite)
        self._incidents = incidents
        for _ in range(incidents):
            self._optimizer.slow_down()


def _is_finite(point: Point) -> bool:
    return bool(torch.isfinite(point.loss.total) & torch.isfinite(point.gradient.sum()))


def _message(point: Point) -> str:
    total, content, style, _ = (float(term) for term in point.loss)
    return (
        f"the loss became {total} (content {content}, style {style}), also with smaller steps "
        "and in float32; lower learning_rate, content_weight or style_weight"
    )
