"""The work of a run, and the time that it takes at the measured pace of the workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.jobs.pictures import JobPictures
from core.params import LARGE_PIXELS, Precision, StyleParams
from core.params.schedule import schedule

#: The cost of a step that does not depend on its pixels, and of a run that does not depend on its
#: steps (loading the pictures, encoding the result), as numbers of pixels. Measured on two cores.
_STEP_PIXELS = 88**2
_RUN_PIXELS = 600_000

#: The cost of computing the features of a picture once in float32, relative to a step.
_FEATURES = 0.4

#: The cost of a pixel of a large picture, which is computed in strips, relative to others: the
#: features are computed again on the way back.
_IN_STRIPS = 1.4

#: How much longer a step takes in a number format than in the one that is chosen by default. On
#: two cores with 8-bit units.
_COSTS = {Precision.FLOAT32: 3.0, Precision.BFLOAT16: 1.5}

#: The name of the pace over all number formats.
ANY = "any"


def work_of(params: StyleParams, pictures: JobPictures) -> int:
    """Return the work of a run, in pixels that pass through a step in the default number format.

    Args:
        params: the parameters of the job.
        pictures: its pictures.
    """
    plan = schedule(params)
    filled = pictures.content / params.size**2  # pictures are not square
    cost = _COSTS.get(params.precision, 1)
    evaluations = 0.0
    for phase in plan.phases:
        pixels = phase.size**2 * filled
        factor = _IN_STRIPS if pixels > LARGE_PIXELS else 1
        # The start of a phase is evaluated, and the picture after each step.
        evaluations += (phase.steps + 1) * (factor * pixels + _STEP_PIXELS)
    # The features of every picture at every scale, and those of the result.
    areas = (pictures.content + sum(pictures.styles)) * sum(
        (size / params.size) ** 2 for size in plan.sizes
    )
    return round(_RUN_PIXELS + cost * evaluations + (areas + pictures.content) * _FEATURES)


@dataclass(frozen=True)
class Speed:
    """The measured pace of the workers: moving averages over the runs that have ended.

    Args:
        averages: seconds and work, by ``seconds:NAME`` and ``work:NAME``, where the name is a
            precision or :data:`ANY`.
    """

    averages: Mapping[str, float]

    def seconds(self, work: int, precision: Precision = Precision.AUTO) -> float | None:
        """Return the expected run time of some work; None before the first run has ended.

        Args:
            work: from :func:`work_of`.
            precision: of the run. Until one in that precision has ended, all runs count.
        """
        own = self._of(precision)
        pace = self._of(ANY) if own is None else own
        return None if pace is None else work * pace

    def _of(self, name: str) -> float | None:
        """Return the seconds that a unit of work takes."""
        work = self.averages.get(f"work:{name}")
        return self.averages[f"seconds:{name}"] / work if work else None


#: The pace before the first run has ended.
UNKNOWN_SPEED = Speed({})
