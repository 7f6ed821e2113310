"""The schedule of a run: sizes, steps and number format, as plain data.

Departure: the paper paints at one size. Here a run begins small and goes on from the enlarged
result. Brush strokes keep their size relative to the picture, and most of the time is saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from core.params.model import StyleParams

#: The most steps at a size that is not the last. More of them do less for the result than the
#: same time spent at the next size (bench/attempts.md).
_COARSE_STEPS = 20

#: Beyond this size, a picture begins with one that is nearly done, and a scale takes as many times
#: fewer steps as it is larger, but at least two: the first one only learns how far to go
#: (bench/attempts.md).
_FULL_SIZE = 1024
_LEAST_STEPS = 2

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
        total = self._total_cost
        return (done + self._cost(self.phases[phase], step)) / total if total else 1.0

    def position(self, made: int) -> tuple[int, int]:
        """Return the number of the phase, and the steps made in it, after some steps in all.

        A phase that is done is left, except the last one.
        """
        for number, phase in enumerate(self.phases[:-1]):
            if made < phase.steps:
                return number, made
            made -= phase.steps
        return len(self.phases) - 1, made

    def going_on_as(self, new: Schedule, made: int) -> Schedule:
        """Return this schedule until some steps are made, and from there on another one.

        Args:
            new: of a request with the same size and pyramid.
            made: the steps made in all phases.
        """
        number, step = self.position(made)
        current, done = self.phases[number], self.phases[:number]
        here = [phase for phase in new.phases if phase.size == current.size]
        # The steps that were made at this size count, in either number format.
        total = sum(phase.steps for phase in here)
        total -= sum(phase.steps for phase in done if phase.size == current.size)
        int8 = sum(phase.steps for phase in here if phase.int8)
        now = replace(current, steps=max(step, int8 if current.int8 else total))
        rest = [Phase(current.size, total - now.steps)] if total > now.steps else []
        larger = [phase for phase in new.phases if phase.size > current.size]
        return replace(self, phases=(*done, now, *rest, *larger))

    def ending_at(self, made: int) -> Schedule:
        """Return the schedule that ends after some steps, with a picture of the last size."""
        number, step = self.position(made)
        last = Phase(self.phases[-1].size, 0)
        kept = (*self.phases[:number], replace(self.phases[number], steps=step))
        return replace(self, phases=kept if kept[-1].size == last.size else (*kept, last))

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
        Phase(size, min(steps_at(size, params.steps), _COARSE_STEPS), int8=True)
        for size in smaller
        if usable(size)
    ]
    steps = steps_at(last, params.steps) if coarse else params.steps
    int8_steps = steps // 2 if coarse else 0
    if last > _FULL_SIZE and int8_steps < _LEAST_STEPS:
        int8_steps = 0  # the targets of the phase would take longer than it saves
    fine = [Phase(last, int8_steps, int8=True), Phase(last, steps - int8_steps)]
    phases = tuple(phase for phase in (*coarse, *fine) if phase.steps)
    return Schedule(phases, int8_cost)


def steps_at(size: int, steps: int) -> int:
    """Return the steps of a scale that begins with the picture of a smaller one.

    Args:
        size: of the scale, in pixels.
        steps: those that were asked for.
    """
    if size <= _FULL_SIZE:
        return steps
    return min(steps, max(_LEAST_STEPS, round(steps * _FULL_SIZE / size)))


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
