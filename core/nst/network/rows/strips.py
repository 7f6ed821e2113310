"""Strips of rows: the parts in which a large picture passes through a block of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.params import LARGE_PIXELS, Layer

#: The filters of the first block, whose layers have the most activations.
_FILTERS = 64
#: The most filters of a block.
_MOST_FILTERS = 512
#: More rows gain nothing: the halo of a strip of 128 rows is 3 % in the first block, and 6 % in
#: those with four convolutions.
_MOST_ROWS = 128
#: The bytes that an activation of a strip takes, with its gradient and what the convolutions need,
#: in float32. In other formats it is half.
_ACTIVATION_BYTES = 24
#: The memory of a device that is not known, in bytes.
USUAL_MEMORY = 16 * 2**30
#: The part of a device's memory that a strip may take.
_SHARE = 0.1
#: What a picture that is computed whole takes in float32: for each pixel, more of them on a GPU,
#: where cuDNN needs memory too, and beside the pixels.
_WHOLE_BYTES, _GPU_WHOLE_BYTES, _BASE_BYTES = 2000, 2600, 2**30
#: Kernels of CUDA and cuDNN count the elements of a tensor in 32 bits, with a sign.
MOST_ELEMENTS = 2**31 - 1


@dataclass(frozen=True)
class Strip:
    """Rows of a block."""

    #: The rows that belong to no other strip.
    own: slice
    #: The same with the halo.
    computed: slice

    @property
    def inner(self) -> slice:
        """The own rows, counted from the first computed one."""
        start = self.own.start - self.computed.start
        return slice(start, start + self.own.stop - self.own.start)


def strips_of(height: int, rows: int, halo: int) -> list[Strip]:
    """Return the strips of a block.

    Args:
        height: of the block, in rows.
        rows: of each strip; even, so that no pool crosses an edge.
        halo: rows to compute beyond each edge that is not the picture's; even.
    """
    starts = range(0, max(1, height - 1), rows)  # an odd last row joins the strip before it
    edges = [*starts, height]
    return [
        Strip(slice(start, stop), slice(max(0, start - halo), min(height, stop + halo)))
        for start, stop in pairwise(edges)
    ]


def activations_at_once(height: int, width: int, memory: int, *, on_gpu: bool = False) -> int:
    """Return how many activations of a layer are computed at a time: 64 for each pixel, or fewer.

    A picture of up to 1024 x 1024 pixels is computed whole if the memory suffices, which is
    faster; on a GPU, whose memory is there for nothing else, a larger one too, as long as no layer
    has more than ``MOST_ELEMENTS``.

    Args:
        height, width: of the picture, in pixels.
        memory: of the device, in bytes.
        on_gpu: whether the device is a GPU.
    """
    pixels = height * width
    if on_gpu:
        most = min((memory - _BASE_BYTES) / _GPU_WHOLE_BYTES, MOST_ELEMENTS / _FILTERS)
    else:
        most = min((memory - _BASE_BYTES) / _WHOLE_BYTES, LARGE_PIXELS)
    if pixels <= most:
        return _FILTERS * pixels
    return min(_FILTERS * width * _MOST_ROWS, int(memory * _SHARE / _ACTIVATION_BYTES))


def computed_whole(height: int, width: int, memory: int) -> bool:
    """Return whether a CPU computes a picture without strips; see :func:`activations_at_once`."""
    return activations_at_once(height, width, memory) == _FILTERS * height * width


def block_strips(layers: Sequence[Layer], height: int, width: int, activations: int) -> list[Strip]:
    """Return the strips of a block.

    Args:
        layers: of the block.
        height, width: of the block, in positions.
        activations: the most of a layer in one strip. A strip has at least two rows.
    """
    block = int(layers[0][len("conv")])
    filters = min(_FILTERS * 2 ** (block - 1), _MOST_FILTERS)
    rows = activations // (filters * width)
    halo = len(layers) + len(layers) % 2
    return strips_of(height, max(2, rows - rows % 2), halo)
