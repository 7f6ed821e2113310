"""What an optimiser works on: an image, the objective at it, and the gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

#: The state of an optimiser: everything that its next step depends on, beside the point.
State = dict[str, Tensor]


class LossTerms(NamedTuple):
    """The terms of the objective at one image: scalar tensors on the device.

    They stay on the device until ``float`` is called on one, because on a GPU that waits for
    all work launched so far.
    """

    total: Tensor
    content: Tensor
    style: Tensor
    tv: Tensor


@dataclass(frozen=True)
class Point:
    """An image, the objective at it, and the gradient of the total."""

    #: Shape (1, C, H, W), RGB or grey, in [0, 1].
    image: Tensor
    loss: LossTerms
    #: Of the image's shape.
    gradient: Tensor


#: Evaluates the objective at an image of shape (1, C, H, W).
Evaluate = Callable[[Tensor], Point]
