"""How large a picture becomes."""

from __future__ import annotations

from core.errors import FieldError, InvalidRequest

#: The shortest side of a picture: below it, conv5_1 sees less than one pixel.
MIN_SIDE = 16

#: The least `size` that can be asked for.
MIN_SIZE = 64

#: A mask of more colours has no regions, but is a photograph or has smoothed borders.
MAX_REGIONS = 16

#: A region must cover so many positions of a layer to have a Gram matrix there.
LEAST_POSITIONS = 1.0


def size_at(layer: str, size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the features that a layer of VGG-19 has of a picture of that size."""
    pools = int(layer[4]) - 1  # each halves, and drops an odd row or column
    width, height = size
    return width >> pools, height >> pools


def fit(size: tuple[int, int], longer_side: int, field: str) -> tuple[int, int]:
    """Width and height with the longer side as asked, proportions kept.

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
                    f"would be {width}x{height} pixels at size {longer_side}, and each side "
                    f"needs {MIN_SIDE}; crop the picture, or ask for a size of {needed}",
                )
            ]
        )
    return width, height
