"""Steps whose every decision is made on the device, so that the host need not wait for it.

The host would read the loss at each step, and meanwhile launch nothing. Here it launches several
trials at once and then reads how far they got. The tensors of a state keep their places in memory,
so that a trial can be recorded as a CUDA graph.

``Adam`` and ``LBFGS`` make the same steps, on any device. They own the state: it is copied from
them before the first trial and back to them after the last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from core.nst.optimizers.point import Evaluate, LossTerms, Point

#: One trial. Returns the total loss and the gradient that it saw.
Trial = Callable[[], tuple[Tensor, Tensor]]


class DeviceSteps(ABC):
    """Makes several steps at a time.

    Args:
        start: a point at which the steps may begin; it gives shapes, formats and the device.
    """

    def __init__(self, start: Point) -> None:
        self._image = torch.empty_like(start.image)
        self._gradient = torch.empty_like(start.gradient)
        self._terms = torch.stack(start.loss)
        #: Steps made since the last call, and how many there are to be.
        self._steps = self._zero(torch.int64)
        self._most_steps = self._zero(torch.int64)
        #: The point that the tensors hold.
        self._point: Point | None = None

    def buffers(self) -> list[Tensor]:
        """Return all tensors that a trial may write to."""
        return [each for each in vars(self).values() if isinstance(each, Tensor)]

    def advance(self, point: Point, steps: int, trial: Trial) -> Point:
        """Return the point after some steps, or the point at which no further step is possible.

        Args:
            point: where to begin. Its tensors are not written to.
            steps: how many steps to make.
            trial: :meth:`trial` with its argument, or a recording of it.
        """
        if self.has_ended_at(point):
            return point
        self.begin(point, steps)
        missing = steps
        while missing:
            for _ in range(missing):
                trial()
            made, ended, *more = self._read(self._steps, self.ended(), *self._progress())
            missing = 0 if ended else steps - int(made)
        terms = self._terms.clone()
        self._point = Point(self._image.clone(), LossTerms(*terms), self._gradient.clone())
        self._save(self._point, [int(each) for each in more])
        return self._point

    def begin(self, point: Point, steps: int) -> None:
        """Get ready for trials from a point, until this many steps are made."""
        if point is not self._point:  # the first, or one that a recovery returned to
            self._image.copy_(point.image)
            self._gradient.copy_(point.gradient)
            self._terms.copy_(torch.stack(point.loss))
            self._load()
            self._point = point
        self._steps.zero_()
        self._most_steps.fill_(steps)

    @abstractmethod
    def trial(self, evaluate: Evaluate) -> tuple[Tensor, Tensor]:
        """Evaluate one image, and step to it if it is good enough and steps are left to make."""

    @abstractmethod
    def has_ended_at(self, point: Point) -> bool:
        """Return whether no further step is possible from a point."""

    @abstractmethod
    def _load(self) -> None:
        """Copy the optimiser's state."""

    @abstractmethod
    def _save(self, point: Point, progress: Sequence[int]) -> None:
        """Give the optimiser a copy of the state at a point."""

    def ended(self) -> Tensor:
        """Return whether further trials are in vain: the loss is not finite."""
        return ~torch.isfinite(self._terms[0])

    def _progress(self) -> Sequence[Tensor]:
        """Return the integers that :meth:`_save` needs."""
        return ()

    def _is_active(self) -> Tensor:
        return self._steps < self._most_steps

    def _move(self, moved: Tensor, image: Tensor, terms: Tensor, gradient: Tensor) -> None:
        """Take another image where ``moved`` is true."""
        write_where(self._image, moved, image)
        write_where(self._terms, moved, terms)
        write_where(self._gradient, moved, gradient)

    def _zero(self, dtype: torch.dtype) -> Tensor:
        return torch.zeros((), dtype=dtype, device=self._image.device)

    @staticmethod
    def _read(*numbers: Tensor) -> list[float]:
        """Read several numbers, waiting for the device once."""
        values: list[float] = torch.stack([each.double() for each in numbers]).tolist()
        return values


def write_where(buffer: Tensor, condition: Tensor, value: Tensor | float) -> None:
    """Write a value into a buffer where a condition holds."""
    buffer.copy_(torch.where(condition, value, buffer))
