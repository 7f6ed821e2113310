"""The schedule of a run: sizes, steps and number format, as plain data.

Departure: the paper paints at one size. Here a run begins small and goes on from the enlarged
result. Brush strokes keep their size relative to the picture, and most of the time is saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from core.params.model import StyleParams

#: The most steps at a size that is not the last. More of them do less for the result than the
#: same time spent at the next size (bench/attempts.md).
_COARSE_STEPS = 20

#: The cost of a step that does not depend on its pixels, as a number of pixels. On two cores a
#: step with 8-bit features takes 0.010, 0.020, 0.060 and 0.218 s at 64, 128, 256 and 512.
_OVERHEAD_PIXELS = 88**2


@dataclass(frozen=True)
class Phase:
    """Steps at one size, in one number format."""

    #: The longer side of the picture, in pixels.
    size: int
    steps: int
    #: Whether features may be in 8 bits, where the number format has them.
    int8: bool = False


@dataclass(frozen=True)
class Schedule:
    """All phases of a run, smallest size first, and where a step stands among them."""

    phases: tuple[Phase, ...]
    #: The cost of a step in an ``int8`` phase, relative to others at the same size.
    int8_cost: float = 1

    @property
    def sizes(self) -> tuple[int, ...]:
        """The size of every scale, smallest first."""
        return tuple(dict.fromkeys(phase.size for phase in self.phases))

    def scales_from(self, phase: int) -> Iterator[tuple[int, Iterator[tuple[int, Phase]]]]:
        """Yield each size with its numbered phases, from a phase on."""
        numbered = enumerate(self.phases[phase:], phase)
        return groupby(numbered, key=lambda each: each[1].size)

    @property
    def steps(self) -> int:
        """The steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def steps_until(self, phase: int, step: int) -> int:
        """Return the steps made in all phases, after some in phase number ``phase``."""
        return sum(each.steps for each in self.phases[:phase]) + step

    def fraction_until(self, phase: int, step: int) -> float:
        """Return the part of the work that is done by then, 0 to 1."""
        done = sum(self._cost(each, each.steps) for each in self.phases[:phase])
        return (done + self._cost(self.phases[phase], step)) / self._total_cost

    @property
    def _total_cost(self) -> float:
        return sum(self._cost(each, each.steps) for each in self.phases)

    def _cost(self, phase: Phase, steps: int) -> float:
        relative = self.int8_cost if phase.int8 else 1
        return (phase.size**2 + _OVERHEAD_PIXELS) * relative * steps


def schedule(
    params: StyleParams, usable: Callable[[int], bool] = lambda _: True, *, int8_cost: float = 1
) -> Schedule:
    """Return the schedule of a request.

    Args:
        params: gives the size, the steps and the pyramid.
        usable: whether the pictures can be used at a smaller size. Sizes for which they cannot
            are left out.
        int8_cost: the cost of a step with features in 8 bits, relative to others.
    """
    *smaller, last = pyramid_sizes(params.size, params.pyramid)
    coarse = [
        Phase(size, min(params.steps, _COARSE_STEPS), int8=True) for size in smaller if usable(size)
    ]
    int8_steps = params.steps // 2 if coarse else 0
    fine = [Phase(last, int8_steps, int8=True), Phase(last, params.steps - int8_steps)]
    phases = tuple(phase for phase in (*coarse, *fine) if phase.steps)
    return Schedule(phases, int8_cost)


def pyramid_sizes(size: int, pyramid: str) -> tuple[int, ...]:
    """Return the longer sides to paint at, from the smallest to ``size``.

    Every size begins at the same smallest size, where the composition is decided. The ratio is
    adjusted a little to reach ``size`` from there.

    Args:
        size: the longer side of the result, in pixels.
        pyramid: ``off``, or the smallest longer side and the ratio between neighbours, such as
            ``64:2``.
    """
    if pyramid == "off":
        return (size,)
    smallest, ratio = pyramid.split(":")
    growth = size / int(smallest)
    count = round(math.log(growth, float(ratio))) if growth > 1 else 0
    return (*(round(size * growth ** (n / count - 1)) for n in range(count)), size)
