"""The descent at one scale: steps that lower the objective, and recovery from bad ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from core.errors import LossNotFinite
from core.nst.network.cuda.graphs import Record, record_for, recorded
from core.nst.objective import Objective
from core.nst.optimizers.optimizer import PixelOptimizer, device_steps
from core.nst.optimizers.point import Evaluate, LossTerms, Point, State
from core.params import LARGE_PIXELS
from core.runtime.malloc import give_back_memory

#: Makes a number of steps from a point.
_Advance = Callable[[Point, int], Point]

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
        record_for: returns what records the steps on an image, or None; see
            :func:`core.nst.network.cuda.graphs.record_for`.
    """

    def __init__(
        self,
        image: Tensor,
        optimizer: PixelOptimizer,
        record_for: Callable[[Tensor], Record | None] = record_for,
    ) -> None:
        self.image = image
        #: Steps made in the current phase. Set it to 0 before the next phase.
        self.step = 0
        #: How often a loss was not finite at this scale.
        self._incidents = 0
        self._optimizer = optimizer
        self._record_for = record_for
        #: The last objective whose steps were recorded, and the recording.
        self._recorded: tuple[Objective, _Advance] | None = None

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
        yielded = self.step - 1
        finite = self.state()
        if self._incidents >= _MAX_INCIDENTS:
            objective = objective.in_float32()
        evaluate = _evaluation(objective)
        point = evaluate(self.image)
        advance = self._recording(objective, point) or self._plainly(evaluate)
        while True:
            while not _is_finite(point):
                self._slow_down_from(finite, point)
                if self._incidents == _MAX_INCIDENTS:
                    evaluate = _evaluation(objective.in_float32())
                    advance = self._plainly(evaluate)
                point = evaluate(self.image)
            finite = self.state()
            if self.step > yielded:  # after a recovery, steps are made again
                yielded = self.step
                yield point.loss
            if self.step >= steps:
                return
            following = min(steps, self.step - self.step % self._every + self._every)
            point = advance(point, following - self.step)
            self.image, self.step = point.image, following

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

    @property
    def _every(self) -> int:
        """The number of steps after which a loss is checked."""
        small = self.image.shape[2] * self.image.shape[3] < _SMALL_PIXELS
        waits = self.image.is_cuda or self._record_for(self.image) is not None
        return _CHECK_EVERY if small and waits else 1

    def _plainly(self, evaluate: Evaluate) -> _Advance:
        """Return what makes steps one by one."""

        def advance(point: Point, steps: int) -> Point:
            for _ in range(steps):
                point = self._optimizer.step(point, evaluate)
            return point

        return advance

    def _recording(self, objective: Objective, point: Point) -> _Advance | None:
        """Return what makes recorded steps; None if they cannot be recorded.

        The phases of a scale share a recording if their objective is the same.
        """
        record = self._record_for(self.image)
        if record is None:
            return None
        if self._recorded is None or self._recorded[0] is not objective:
            self._recorded = None  # frees its memory
            steps = device_steps(self._optimizer, point)
            steps.begin(point, _CHECK_EVERY)
            trial = recorded(record, partial(steps.trial, _evaluation(objective)), steps.buffers())
            if trial is None:
                return None
            self._recorded = objective, partial(steps.advance, trial=trial)
        return self._recorded[1]

    def _slow_down_from(self, finite: State, bad: Point) -> None:
        """Return to the last finite state, with smaller steps after every incident."""
        incidents = self._incidents + 1
        if incidents > 2 * _MAX_INCIDENTS:
            raise LossNotFinite(_message(bad))
        self.restore(finite)
        self._incidents = incidents
        for _ in range(incidents):
            self._optimizer.slow_down()


def _evaluation(objective: Objective) -> Evaluate:
    def evaluate(image: Tensor) -> Point:
        loss, gradient = objective.with_gradient(image)
        if image[0, 0].numel() > LARGE_PIXELS:
            # What it has freed lies in pieces in which nothing large fits.
            give_back_memory()
        return Point(image, loss, gradient)

    return evaluate


def _is_finite(point: Point) -> bool:
    return bool(torch.isfinite(point.loss.total) & torch.isfinite(point.gradient.sum()))


def _message(point: Point) -> str:
    total, content, style, _ = (float(term) for term in point.loss)
    return (
        f"the loss became {total} (content {content}, style {style}), also with smaller steps "
        "and in float32; lower learning_rate, content_weight or style_weight"
    )
