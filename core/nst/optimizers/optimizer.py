"""The optimiser that a request names, and what both optimisers have in common.

A step leads from one point to the next and changes neither. Tensors are never written in place,
so a point or a state stays valid for as long as it is kept.
"""

from __future__ import annotations

from typing import Protocol

from core.nst.optimizers.adam import Adam
from core.nst.optimizers.device_adam import DeviceAdam
from core.nst.optimizers.device_lbfgs import DeviceLBFGS
from core.nst.optimizers.device_steps import DeviceSteps
from core.nst.optimizers.lbfgs import LBFGS
from core.nst.optimizers.point import Evaluate, Point, State
from core.nst.optimizers.preconditioner import Preconditioner, identity
from core.params import Optimizer


class PixelOptimizer(Protocol):
    """Makes steps that change the pixels so that the objective falls."""

    def step(self, point: Point, evaluate: Evaluate) -> Point:
        """Return the next point."""
        ...

    def slow_down(self) -> None:
        """Make smaller steps from now on."""
        ...

    def forget(self) -> None:
        """Forget what the steps have shown of the objective, because it changes."""
        ...

    def state(self) -> State:
        """Return everything that the next step depends on, beside the point."""
        ...

    def restore(self, state: State) -> None:
        """Continue from a state."""
        ...


def make_optimizer(
    name: Optimizer,
    learning_rate: float,
    preconditioner: Preconditioner = identity,
    loss_noise: float = 0.0,
) -> PixelOptimizer:
    """Return the optimiser of that name. Only L-BFGS uses the last two arguments.

    Departure: pixels are kept in [0, 1] at every step. The paper lets them leave the range and
    clips the result, which undoes a part of what was reached (bench/attempts.md).

    Args:
        name: the optimiser.
        learning_rate: the length of a step; see the two classes.
        preconditioner: see :class:`core.nst.optimizers.lbfgs.LBFGS`.
        loss_noise: likewise.
    """
    match name:
        case Optimizer.ADAM:
            return Adam(learning_rate)
        case Optimizer.LBFGS:
            return LBFGS(learning_rate, preconditioner, bounds=(0, 1), loss_noise=loss_noise)


def device_steps(optimizer: PixelOptimizer, start: Point) -> DeviceSteps:
    """Return what makes the steps of an optimiser without waiting for the device.

    Args:
        optimizer: from :func:`make_optimizer`. It keeps the state.
        start: see :class:`core.nst.optimizers.device_steps.DeviceSteps`.
    """
    if isinstance(optimizer, Adam):
        return DeviceAdam(optimizer, start)
    assert isinstance(optimizer, LBFGS)
    return DeviceLBFGS(optimizer, start)
