"""The memory that a run takes, and the largest size that fits."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass, replace

from core.jobs.pictures import JobPictures
from core.params import LARGE_PIXELS, MIN_SIZE, Layer, StyleParams
from core.params.choices import Color, Init, Precision


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

    def higher(self, base_bytes: int) -> Line:
        """Return a line that is higher by ``base_bytes`` everywhere."""
        return replace(self, base_bytes=self.base_bytes + base_bytes)


@dataclass(frozen=True, order=True)
class Footprint:
    """The memory of a run: two lines above the measured peaks.

    Pictures with at most ``LARGE_PIXELS`` are computed whole, and larger ones in strips
    (:mod:`core.nst.network.passes`), which takes much less memory per pixel.
    """

    whole: Line
    in_strips: Line

    def needed(self, pixels: int) -> int:
        """Return the memory in bytes for a largest picture of that many pixels.

        A picture that is a little larger than ``LARGE_PIXELS`` counts as if it were not: its job
        has smaller scales.
        """
        if pixels <= LARGE_PIXELS:
            return self.whole.needed(pixels)
        return max(self.whole.needed(LARGE_PIXELS), self.in_strips.needed(pixels))

    def plus(self, base_bytes: int, bytes_per_pixel: int) -> Footprint:
        """Return the footprint of a run that keeps more, beside what it computes."""
        whole, in_strips = (
            line.higher(base_bytes).steeper(bytes_per_pixel)
            for line in (self.whole, self.in_strips)
        )
        return Footprint(whole, in_strips)

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
_WHOLE = {
    Precision.BFLOAT16: Line(610 * _MIB, 1186),
    Precision.FLOAT32: Line(560 * _MIB, 2186),
}

#: For each picture that the optimiser keeps: three channels of four bytes, plus the margin.
_KEPT_BYTES = 3 * 4 * 1.1

#: Lines for all optimisers: of large pictures they keep no more than L-BFGS, which keeps little.
_IN_STRIPS = {
    Precision.BFLOAT16: Line(1800 * _MIB, 215),
    Precision.FLOAT32: Line(2000 * _MIB, 330),
}

#: The activations of a layer for each pixel of the picture, by the block of the layer.
_ACTIVATIONS = {"1": 64, "2": 32, "3": 16, "4": 8, "5": 2}

#: Content features are stored in full, while style needs only Gram matrices. This is the memory
#: of each compared activation beyond those of conv4_2. Measured in bfloat16 only.
_CONTENT_BYTES = {Precision.BFLOAT16: 15, Precision.FLOAT32: 24}
_USUAL = _ACTIVATIONS["4"]

#: What the optimiser holds for each pixel while a step is recorded as a CUDA graph: its state on
#: the device, of ten pairs of pictures, the picture and the gradient, and two copies of it.
_STATE_BYTES = 22 * 3 * 4
_STATES = 3


def graph_bytes(precision: Precision | None) -> int:
    """Return the most memory that the graph of a step takes on a GPU, in bytes.

    Only pictures with at most ``LARGE_PIXELS`` have graphs. A graph keeps the memory of one
    evaluation for itself. Not measured on a GPU.

    Args:
        precision: as ``automatic`` of :func:`footprint`.
    """
    line = _WHOLE[precision if precision in _WHOLE else Precision.FLOAT32]
    return LARGE_PIXELS * (line.bytes_per_pixel + _STATES * _STATE_BYTES)


#: What the lines include of the pictures for each pixel: content and style decoded, at the size of
#: the largest, and the style in 8 bits.
_DECODED_BYTES, _STYLE_BYTES = 8, 3

#: A style picture in 8 bits; with other colours, in floats of as many channels.
_STYLES = {Color.STYLE: _STYLE_BYTES, Color.MATCH: 12, Color.CONTENT: 4}

#: With masks, the statistics of a layer are computed in float32, with a copy of its features: for
#: each pixel of a picture that is computed whole. Each region has statistics of its own, of all
#: layers in each number format. Measured in 8 bits at 512 x 512, with two and eight regions.
_MASKED_BYTES, _REGION_BYTES = 630, 9 * _MIB

#: A grey level of a map, and a pixel of the picture to start from.
_LEVEL_BYTES, _START_BYTES = 4, 3


def footprint(
    params: StyleParams, automatic: Precision | None, pictures: JobPictures | None = None
) -> Footprint:
    """Return the footprint of a job.

    Args:
        params: the parameters of the job.
        automatic: the precision that the worker uses for ``precision=auto``. None means unknown
            and counts as float32, which takes the most memory.
        pictures: its pictures; None for a content and a style of the same size, sent at that size.
    """
    chosen = params.precision
    if chosen is not Precision.FLOAT32:  # a CPU without the units for another falls back to auto
        chosen = automatic or Precision.FLOAT32
    if chosen is Precision.INT8:
        chosen = Precision.BFLOAT16  # these lines are above the measured peaks of both
    compared = sum(_ACTIVATIONS[layer[len("conv")]] for layer in params.content_layers)
    more = max(0, compared - _USUAL) * _CONTENT_BYTES[chosen]
    kept = round(params.optimizer.kept_pictures * _KEPT_BYTES)
    usual = Footprint(_WHOLE[chosen].steeper(more + kept), _IN_STRIPS[chosen].steeper(more))
    if pictures is None:
        return usual
    per_pixel = _kept_of(pictures, params) / pictures.largest
    if pictures.decoded_bytes:
        per_pixel -= _DECODED_BYTES
    if pictures.regions:
        usual = replace(usual, whole=usual.whole.steeper(_MASKED_BYTES))
    kept = pictures.decoded_bytes + _REGION_BYTES * pictures.regions
    return usual.plus(kept, math.ceil(per_pixel))


def _kept_of(pictures: JobPictures, params: StyleParams) -> float:
    """Return what a run keeps of its pictures beyond those of the lines, in bytes."""
    kept: float = max(
        0, sum(pictures.styles) * _STYLES[params.color] - _STYLE_BYTES * pictures.largest
    )
    if params.init is Init.IMAGE:
        kept += _START_BYTES * pictures.content
    if pictures.regions:
        # How much each position of each style layer belongs to each region, for the content all
        # the time, and for one style picture after another while its targets are computed. Beside
        # them, one region at a time is enlarged.
        both = pictures.content + max(pictures.styles)
        kept += _LEVEL_BYTES * both * _positions(params.style_layers) * pictures.regions
        kept += _LEVEL_BYTES * pictures.largest
    if pictures.detail_map:
        kept += _LEVEL_BYTES * pictures.content * (1 + _positions(params.content_layers))
    return kept


def _positions(layers: Collection[Layer]) -> float:
    """Return the positions of some layers for each pixel of the picture."""
    return sum(0.25 ** (int(layer[len("conv")]) - 1) for layer in layers)


def memory_needed(params: StyleParams, pictures: JobPictures) -> dict[Precision, int]:
    """Return the memory of a job in bytes, by the precision that a worker chooses by default.

    Args:
        params: the parameters of the job.
        pictures: its pictures.

    Returns:
        The bytes; under ``auto``, those at a worker whose precision is not known.
    """
    return {
        precision: footprint(
            params, None if precision is Precision.AUTO else precision, pictures
        ).needed(pictures.largest)
        for precision in Precision
    }
