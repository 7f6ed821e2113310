"""Coarse to fine: which sizes the picture is painted at, as pure integers.

Departure: the paper paints at one size. Painting small first, and going on from
the enlarged result, lets the strokes keep their size relative to the picture
when the result is large, and saves most of the time.
"""

from __future__ import annotations


def scales(size: int, pyramid: str) -> tuple[int, ...]:
    """The longer sides to paint at, from the smallest to ``size``.

    Args:
        size: the longer side of the result.
        pyramid: ``off``, or the smallest longer side and the ratio between
            neighbours, such as ``64:2``.
    """
    if pyramid == "off":
        return (size,)
    smallest, ratio = pyramid.split(":")
    sides = [size]
    while round(size / float(ratio) ** len(sides)) >= int(smallest):
        sides.append(round(size / float(ratio) ** len(sides)))
    return tuple(reversed(sides))
