"""The memory that a run takes on the CPU, and the largest size that fits."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from core.params import MIN_SIZE, StyleParams
from core.params.choices import Optimizer, Precision


@dataclass(frozen=True, order=True)
class Line:
    """Memory that grows linearly with the pixels of the largest picture."""

    base_bytes: int
    bytes_per_pixel: int

    def needed(self, pixels: int) -> int:
        """Return the memory in bytes for a largest picture of that many pixels."""
        return self.base_bytes + pixels * self.bytes_per_pixel

    def steeper(self, bytes_per_pixel: int) -> Line:
        """Return a line with a slope that is larger by ``bytes_per_pixel``."""
        return replace(self, bytes_per_pixel=self.bytes_per_pixel + bytes_per_pixel)


@dataclass(frozen=True, order=True)
class Footprint:
    """The memory of a run: the lower one of two lines above the measured peaks.

    Small pictures take more memory per pixel. The allocator keeps freed blocks up to some size
    for the next step (``core/runtime/malloc.py``), and the blocks of large pictures are larger.
    """

    small: Line
    large: Line

    def needed(self, pixels: int) -> int:
        """Return the memory in bytes for a largest picture of that many pixels."""
        return min(self.small.needed(pixels), self.large.needed(pixels))

    def largest_size(self, size: int, pixels: int, memory: int) -> int | None:
        """Return the largest size at which a job fits; None if even the smallest does not.

        Args:
            size: the requested size.
            pixels: the pixels of the largest picture at that size.
            memory: the available memory in bytes.
        """

        def needed_at(smaller: int) -> int:
            # Both sides shrink in proportion. Rounding may add up to half a pixel to a side.
            return self.needed(math.ceil(pixels * ((smaller + 1) / size) ** 2))

        fitting = bisect_right(range(MIN_SIZE, size), memory, key=needed_at)
        return MIN_SIZE + fitting - 1 if fitting else None


_MIB = 2**20

#: Lines through the peaks that ``python -m bench.memory`` measures (see bench/README.md), plus a
#: tenth as a margin for the pyramid, for other layers and paddings, and for other machines. They
#: leave out what the optimiser keeps between steps.
_SMALL = {
    Precision.BFLOAT16: Line(960 * _MIB, 1496),
    Precision.FLOAT32: Line(900 * _MIB, 2186),
}

#: For each picture that the optimiser keeps: three channels of four bytes, plus the margin.
_KEPT_BYTES = 3 * 4 * 1.1

#: Lines through the peaks of L-BFGS at 1024 and 2048, for all optimisers that keep no more.
_LARGE = {
    Precision.BFLOAT16: Line(1640 * _MIB, 1075),
    Precision.FLOAT32: Line(1080 * _MIB, 1900),
}

#: The activations of a layer for each pixel of the picture, by the block of the layer.
_ACTIVATIONS = {"1": 64, "2": 32, "3": 16, "4": 8, "5": 2}

#: Content features are stored in full, while style needs only Gram matrices. This is the memory
#: of each compared activation beyond those of conv4_2. Measured in bfloat16 only.
_CONTENT_BYTES = {Precision.BFLOAT16: 15, Precision.FLOAT32: 24}
_USUAL = _ACTIVATIONS["4"]


def footprint(params: StyleParams, automatic: Precision | None) -> Footprint:
    """Return the footprint of a job.

    Args:
        params: the parameters of the job.
        automatic: the precision that the worker uses for ``precision=auto``. None means unknown
            and counts as float32, which takes the most memory.
    """
    chosen = params.precision
    if chosen is not Precision.FLOAT32:  # a CPU without the units for another falls back to auto
        chosen = automatic or Precision.FLOAT32
    if chosen is Precision.INT8:
        chosen = Precision.BFLOAT16  # these lines are above the measured peaks of both
    compared = sum(_ACTIVATIONS[layer[len("conv")]] for layer in params.content_layers)
    more = max(0, compared - _USUAL) * _CONTENT_BYTES[chosen]
    kept = params.optimizer.kept_pictures
    beyond = max(0, kept - Optimizer.LBFGS.kept_pictures)
    return Footprint(
        _SMALL[chosen].steeper(more + round(kept * _KEPT_BYTES)),
        _LARGE[chosen].steeper(more + round(beyond * _KEPT_BYTES)),
    )
