"""Bounds of picture sizes, and the arithmetic of scaling them."""

from __future__ import annotations

from core.errors import FieldError, InvalidRequest

#: The shortest allowed side of a picture, in pixels. Below it, conv5_1 has less than one position.
MIN_SIDE = 16

#: The smallest allowed `size`, in pixels.
MIN_SIZE = 64

#: A picture with more pixels is large: memory counts for more than time.
LARGE_PIXELS = 2**20

#: The most regions of a mask. An image with more colours is a photograph, or has smoothed borders.
MAX_REGIONS = 16

#: The area that a region needs to have a Gram matrix at a layer, in positions of that layer.
LEAST_POSITIONS = 1.0


def size_at(layer: str, size: tuple[int, int]) -> tuple[int, int]:
    """Return width and height of a VGG-19 layer's features, for a picture of the given size."""
    pools = int(layer[4]) - 1  # each pooling layer halves the size, and drops an odd row or column
    width, height = size
    return width >> pools, height >> pools


def fit(size: tuple[int, int], longer_side: int, field: str) -> tuple[int, int]:
    """Return width and height, scaled to the given longer side.

    Args:
        size: original width and height, in pixels.
        longer_side: the longer side of the scaled picture, in pixels.
        field: the form field of the picture, for the error.

    Raises:
        InvalidRequest: the shorter side would be below ``MIN_SIDE``.
    """
    longer = max(size)
    width, height = (max(1, round(side * longer_side / longer)) for side in size)
    if min(width, height) < MIN_SIDE:
        needed = -(-MIN_SIDE * longer // min(size))
        raise InvalidRequest(
            [
                FieldError(
                    field,
                    f"would be {width}x{height} pixels at size {longer_side}; expected at least "
                    f"{MIN_SIDE} on each side; crop the picture, or use a size of at least "
                    f"{needed}",
                )
            ]
        )
    return width, height
