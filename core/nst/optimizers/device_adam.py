"""The steps of Adam on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.nst.optimizers.adam import Adam
from core.nst.optimizers.device_steps import DeviceSteps, write_where
from core.nst.optimizers.point import Evaluate, Point


class DeviceAdam(DeviceSteps):
    """Makes the steps of an :class:`core.nst.optimizers.adam.Adam`. Every trial is a step.

    Args:
        adam: the optimiser.
        start: as for :class:`core.nst.optimizers.device_steps.DeviceSteps`.
    """

    def __init__(self, adam: Adam, start: Point) -> None:
        super().__init__(start)
        self._adam = adam
        self._learning_rate = self._zero(torch.float64)
        self._t = self._zero(torch.int64)
        self._m = torch.zeros_like(start.image)
        self._v = torch.zeros_like(start.image)

    def trial(self, evaluate: Evaluate) -> tuple[Tensor, Tensor]:
        """Make a step if steps are left to make."""
        active, g = self._is_active(), self._gradient
        t = self._t + 1
        m = Adam.BETA1 * self._m + (1 - Adam.BETA1) * g
        v = Adam.BETA2 * self._v + (1 - Adam.BETA2) * g**2
        exponent = t.double()
        m_hat = m / (1 - Adam.BETA1**exponent)
        v_hat = v / (1 - Adam.BETA2**exponent)
        image = self._image - self._learning_rate * m_hat / (v_hat.sqrt() + Adam.EPSILON)
        reached = evaluate(image.clamp(0, 1))
        self._move(active, reached.image, torch.stack(reached.loss), reached.gradient)
        for buffer, value in ((self._m, m), (self._v, v), (self._t, t)):
            write_where(buffer, active, value)
        self._steps.add_(active)
        return reached.loss.total, reached.gradient

    def has_ended_at(self, point: Point) -> bool:  # noqa: ARG002
        """Return False."""
        return False

    def _load(self) -> None:
        state = self._adam.state()
        self._learning_rate.copy_(state["adam.learning_rate"])
        self._t.copy_(state["adam.t"])
        self._m.copy_(state["adam.m"])
        self._v.copy_(state["adam.v"])

    def _save(self, point: Point, progress: Sequence[int]) -> None:  # noqa: ARG002
        (t,) = progress
        saved = {"adam.t": torch.tensor(t), "adam.m": self._m.clone(), "adam.v": self._v.clone()}
        self._adam.restore({**self._adam.state(), **saved})

    def _progress(self) -> Sequence[Tensor]:
        return (self._t,)
