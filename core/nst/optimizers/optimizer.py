"""How the pixels change: Adam, or L-BFGS.

Both work on points: a picture, the loss at it, and the gradient. A step leads
from one point to the next and changes neither; tensors are never written in
place, so that a point or a state once taken stays what it is.
"""

from __future__ import annotations

from typing import Protocol

import torch

from core.nst.optimizers.adam import Adam
from core.nst.optimizers.lbfgs import LBFGS
from core.nst.optimizers.point import Evaluate, Point, State
from core.nst.optimizers.preconditioner import Preconditioner, identity
from core.params import Optimizer as Name

#: What part of the loss two evaluations of nearly the same picture were seen to differ by.
_ROUNDING = {torch.int8: 3e-3, torch.bfloat16: 3e-4}


class Optimizer(Protocol):
    """Leads from point to point."""

    def step(self, point: Point, evaluate: Evaluate) -> Point:
        """The next point."""
        ...

    def slow_down(self) -> None:
        """Make smaller steps from now on."""
        ...

    def state(self) -> State:
        """All that the next step depends on, beside the point."""
        ...

    def restore(self, state: State) -> None:
        """Go on from a state."""
        ...


def make_optimizer(
    name: Name,
    learning_rate: float,
    preconditioner: Preconditioner = identity,
    dtype: torch.dtype = torch.float32,
) -> Optimizer:
    """The optimiser of that name; only L-BFGS has a use for the last two.

    Args:
        name: which one.
        learning_rate: how far to go.
        preconditioner: see :class:`core.nst.optimizers.lbfgs.LBFGS`.
        dtype: what losses are computed in.

    Departure: the paper lets pixels leave the range of colours, and cuts them off at
    the end, which undoes a part of what was reached (bench/README.md).
    """
    if name is Name.ADAM:
        return Adam(learning_rate)
    return LBFGS(learning_rate, preconditioner, bounds=(0, 1), rounding=_ROUNDING.get(dtype, 0))
