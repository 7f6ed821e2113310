"""How much memory a run takes on the CPU, and what would fit into how much."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from core.params import MIN_SIZE, StyleParams
from core.params.choices import Optimizer, Precision


@dataclass(frozen=True, order=True)
class Line:
    """What a run takes, if it grows evenly with the pixels of its largest picture."""

    base_bytes: int
    bytes_per_pixel: int

    def needed(self, pixels: int) -> int:
        """The bytes that a run takes whose largest picture has so many pixels."""
        return self.base_bytes + pixels * self.bytes_per_pixel

    def steeper(self, bytes_per_pixel: int) -> Line:
        """The line of a run that takes so much more for every pixel."""
        return replace(self, bytes_per_pixel=self.bytes_per_pixel + bytes_per_pixel)


@dataclass(frozen=True, order=True)
class Footprint:
    """Two lines above the peaks that were measured; the lower one counts.

    A small run takes more for every pixel: of what a step frees, pieces of some size are
    kept for the next step (``core/runtime/malloc.py``), and those of larger pictures are larger.
    """

    small: Line
    large: Line

    def needed(self, pixels: int) -> int:
        """The bytes that a run takes whose largest picture has so many pixels."""
        return min(self.small.needed(pixels), self.large.needed(pixels))

    def largest_size(self, size: int, pixels: int, memory: int) -> int | None:
        """The largest size at which a job fits into the memory; None if not even the smallest.

        Args:
            size: one that the job could have.
            pixels: of its largest picture at that size.
            memory: in bytes.
        """

        def needed_at(smaller: int) -> int:
            # Both sides shrink alike; a rounded side may be half a pixel longer than it should.
            return self.needed(math.ceil(pixels * ((smaller + 1) / size) ** 2))

        fitting = bisect_right(range(MIN_SIZE, size), memory, key=needed_at)
        return MIN_SIZE + fitting - 1 if fitting else None


_MIB = 2**20

#: Lines through the peaks that ``python -m bench.memory`` measures (bench/README.md has them),
#: and a tenth on top: for a pyramid, for other layers and paddings, for other machines.
_SMALL = {
    (Precision.BFLOAT16, Optimizer.LBFGS): Line(960 * _MIB, 1760),
    (Precision.BFLOAT16, Optimizer.ADAM): Line(960 * _MIB, 1500),
    (Precision.FLOAT32, Optimizer.LBFGS): Line(900 * _MIB, 2450),
    (Precision.FLOAT32, Optimizer.ADAM): Line(880 * _MIB, 2210),
}

#: The same through the peaks at 1024 and 2048, of L-BFGS, which takes more.
_LARGE = {
    Precision.BFLOAT16: Line(1640 * _MIB, 1075),
    Precision.FLOAT32: Line(1080 * _MIB, 1900),
}

#: What a layer has for every pixel of the picture, by the block that it is in.
_ACTIVATIONS = {"1": 64, "2": 32, "3": 16, "4": 8, "5": 2}

#: Content features are kept as they are, where of style only Gram matrices are: what each
#: activation takes that is compared beyond those of conv4_2. Measured in bfloat16 only.
_CONTENT_BYTES = {Precision.BFLOAT16: 15, Precision.FLOAT32: 24}
_USUAL = _ACTIVATIONS["4"]


def footprint(params: StyleParams, automatic: Precision | None) -> Footprint:
    """Of a run of a job.

    Args:
        params: the job's.
        automatic: what ``precision=auto`` means where it runs; None if that is not known,
            which counts as the one that takes more.
    """
    chosen = params.precision
    if chosen in (Precision.AUTO, Precision.INT8):  # without units for 8 bits they are the same
        chosen = automatic or Precision.FLOAT32
    if chosen is Precision.INT8:
        chosen = Precision.BFLOAT16  # both were measured, and the higher peaks are these lines'
    small, large = _SMALL[chosen, params.optimizer], _LARGE[chosen]
    compared = sum(_ACTIVATIONS[layer[len("conv")]] for layer in params.content_layers)
    more = max(0, compared - _USUAL) * _CONTENT_BYTES[chosen]
    return Footprint(small.steeper(more), large.steeper(more))
