"""Coarse to fine: which sizes the picture is painted at, as pure integers.

Departure: the paper paints at one size. Painting small first, and going on from
the enlarged result, lets the strokes keep their size relative to the picture
when the result is large, and saves most of the time.
"""

from __future__ import annotations

import math


def scales(size: int, pyramid: str) -> tuple[int, ...]:
    """The longer sides to paint at, from the smallest to ``size``.

    Every size begins at the same smallest scale, where the composition is decided:
    so that it is the same, the ratio is changed a little to get from there to ``size``.

    Args:
        size: the longer side of the result.
        pyramid: ``off``, or the smallest longer side and the ratio between
            neighbours, such as ``64:2``.
    """
    if pyramid == "off":
        return (size,)
    smallest, ratio = pyramid.split(":")
    growth = size / int(smallest)
    count = round(math.log(growth, float(ratio))) if growth > 1 else 0
    return (*(round(size * growth ** (n / count - 1)) for n in range(count)), size)


def rough_steps(steps: int, *, first: bool, last: bool) -> int:
    """How many of the steps at a scale may be rough: all but the last scale's second half.

    Where there is only one scale, none may: there is nothing to be rough about.

    Args:
        steps: at each scale.
        first: whether the scale is the smallest.
        last: whether it is the largest.
    """
    if not last:
        return steps
    return 0 if first else steps // 2
