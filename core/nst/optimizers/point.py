"""What an optimiser works on: a picture, the objective at it, and the gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from core.nst.objective import LossTerms

State = dict[str, Tensor]


@dataclass(frozen=True)
class Point:
    """A picture, the objective at it, and the gradient of the total."""

    image: Tensor
    loss: LossTerms
    gradient: Tensor


#: Gives the point of a picture.
Evaluate = Callable[[Tensor], Point]
