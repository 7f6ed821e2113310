"""The record of a step, which a run yields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.nst.balance import Balance
from core.nst.checkpoint import Request
from core.nst.network.pixels import to_picture, to_pixels
from core.nst.optimizers.point import LossTerms, State
from core.nst.scale import Scale
from core.params.edits import Edits


@dataclass(frozen=True)
class Step:
    """The picture after ``step`` of ``steps`` updates, and the objective at it."""

    #: Over all scales.
    step: int
    steps: int
    #: The part of the work that is done, 0 to 1. A step at a large scale is more work.
    fraction: float
    #: The scale, counted from 0, and the number of scales.
    scale: int
    scales: int
    #: The scale of the next step. It differs from ``scale`` in the last record before a larger
    #: scale. The next record then takes longer, because the larger scale is prepared first.
    next_scale: int
    #: Of the image, in pixels.
    width: int
    height: int
    #: For the last step in float32; before, in the number format of the network.
    loss: LossTerms
    #: The weights of the losses at this scale.
    balance: Balance
    _scale: Scale
    _request: Request
    _state: State
    _edits: Edits

    @property
    def image(self) -> Tensor:
        """The picture as it is shown, made anew: shape (1, 3, height, width), RGB in [0, 1]."""
        return self._scale.shown(self._state["image"])

    def has_strips(self, memory: int) -> bool:
        """Return whether the result depends on the memory; see :meth:`Scale.has_strips`."""
        return self._scale.has_strips(memory)

    def picture(self) -> Image.Image:
        """Return the picture in 8 bits."""
        return to_picture(self.image)

    def pixels(self) -> NDArray[np.float32]:
        """Return the picture as computed: shape (height, width, 3), RGB in [0, 1]."""
        return to_pixels(self.image)

    def checkpoint(self, label: str = "") -> bytes:
        """Return the state of the run at this step, for ``stylize(..., resume=...)``.

        Args:
            label: makes the bytes differ from those of an equal run with another label.
        """
        return b"".join(self.checkpoint_pieces(label))

    def checkpoint_pieces(self, label: str = "") -> list[bytes | memoryview]:
        """Return the same in pieces. On the CPU, they take no memory beside the run's own."""
        return self._request.pack(self._state, self._edits, label)
