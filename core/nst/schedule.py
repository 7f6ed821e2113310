"""Coarse to fine: which sizes the picture is painted at, in how many steps, as pure integers.

Departure: the paper paints at one size. Painting small first, and going on from
the enlarged result, lets the strokes keep their size relative to the picture
when the result is large, and saves most of the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: More steps than these at a small scale are better made at the next one: there
#: a step does more for the result than so many as it costs do here (bench/README.md).
_SKETCH = 40


@dataclass(frozen=True)
class Stage:
    """One scale of the pyramid, and how long the picture is painted at it."""

    #: The longer side.
    side: int
    steps: int
    #: How many of the steps, the first of them, may be rough.
    rough: int
    #: Whether it is the largest, whose losses are the result's.
    last: bool


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


def stages(sides: Sequence[int], steps: int) -> tuple[Stage, ...]:
    """What is done at the scales.

    Args:
        sides: of the scales, from the smallest.
        steps: at the largest.
    """
    sketches = [Stage(side, min(steps, _SKETCH), min(steps, _SKETCH), last=False) for side in sides]
    # Where there is only one scale, none may be rough: there is nothing to be rough about.
    rough = steps // 2 if len(sides) > 1 else 0
    return (*sketches[:-1], Stage(sides[-1], steps, rough, last=True))
