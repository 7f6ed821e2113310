"""How the pixels change, given the gradient of the objective."""

from __future__ import annotations

import torch
from torch import Tensor


class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.

    Args:
        image: what is to be changed, of any shape; it is changed in place.
        learning_rate: the size of a step, in the units of the image.
    """

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, image: Tensor, learning_rate: float) -> None:
        self._image = image
        self._learning_rate = learning_rate
        self._count = 0
        self._first = torch.zeros_like(image)  # the mean of gradients
        self._second = torch.zeros_like(image)  # the mean of their squares

    def update(self, gradient: Tensor) -> None:
        """Make one step, and keep the image within the range of colours."""
        self._count += 1
        self._first.lerp_(gradient, 1 - self.BETA1)
        self._second.mul_(self.BETA2).addcmul_(gradient, gradient, value=1 - self.BETA2)
        correction1 = 1 - self.BETA1**self._count
        correction2 = 1 - self.BETA2**self._count
        scale = (self._second / correction2).sqrt_().add_(self.EPSILON)
        self._image.addcdiv_(self._first, scale, value=-self._learning_rate / correction1)
        # Departure: the paper lets pixels leave the range of colours, and cuts
        # them off at the end.
        self._image.clamp_(0, 1)

    def state(self) -> dict[str, Tensor]:
        """All that the next update depends on, beside the image and its gradient."""
        return {
            "adam.count": torch.tensor(self._count),
            "adam.first": self._first,
            "adam.second": self._second,
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a state taken out with :meth:`state`."""
        self._count = int(state["adam.count"])
        self._first.copy_(state["adam.first"])
        self._second.copy_(state["adam.second"])
