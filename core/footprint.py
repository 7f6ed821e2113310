"""How much memory a run takes on the CPU, and what would fit into how much."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from core.choices import Optimizer, Precision
from core.params import MIN_SIZE, StyleParams


@dataclass(frozen=True, order=True)
class Footprint:
    """A line above the peaks that were measured."""

    #: For Python, torch and the network.
    base_bytes: int
    #: For every pixel of the largest picture.
    bytes_per_pixel: int

    def needed(self, pixels: int) -> int:
        """The bytes that a run takes whose largest picture has so many pixels."""
        return self.base_bytes + pixels * self.bytes_per_pixel

    def largest_size(self, size: int, pixels: int, memory: int) -> int | None:
        """The largest size at which a job fits into the memory; None if not even the smallest.

        Args:
            size: one that the job could have.
            pixels: of its largest picture at that size.
            memory: in bytes.
        """
        fitting_pixels = (memory - self.base_bytes) / self.bytes_per_pixel
        if fitting_pixels <= 0:
            return None
        # Both sides shrink alike; a rounded side may be half a pixel longer than it should.
        fits = math.floor(size * math.sqrt(fitting_pixels / pixels)) - 1
        return fits if fits >= MIN_SIZE else None


_MIB = 2**20

#: Lines through the peaks that ``python -m bench.memory`` measures (bench/README.md has them),
#: and a tenth on top: for a pyramid, for other layers and paddings, for other machines.
_FOOTPRINTS = {
    (Precision.BFLOAT16, Optimizer.LBFGS): Footprint(990 * _MIB, 1720),
    (Precision.BFLOAT16, Optimizer.ADAM): Footprint(900 * _MIB, 1460),
    (Precision.FLOAT32, Optimizer.LBFGS): Footprint(900 * _MIB, 2650),
    (Precision.FLOAT32, Optimizer.ADAM): Footprint(880 * _MIB, 2210),
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
    if chosen is Precision.AUTO:
        chosen = automatic or Precision.FLOAT32
    if chosen is Precision.INT8:
        chosen = Precision.BFLOAT16  # 9 MiB more for a second set of weights
    usual = _FOOTPRINTS[chosen, params.optimizer]
    compared = sum(_ACTIVATIONS[layer[len("conv")]] for layer in params.content_layers)
    more = max(0, compared - _USUAL) * _CONTENT_BYTES[chosen]
    return replace(usual, bytes_per_pixel=usual.bytes_per_pixel + more)
