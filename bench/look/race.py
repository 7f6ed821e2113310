"""When a preset's picture is as good as the loop's by the measures, in seconds.

The usual loop makes its steps, and its picture is the target. A preset is as good when content,
global effects and local patterns are each no lower than the target's. Two sets of the three are
compared, those of StyleEval and the simple one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from PIL import Image
from torch import Tensor

from bench.look.measures import SIMPLE, STYLE_EVAL, measure
from bench.look.paint import read_recipe, warm_up
from core.nst import VGG19, Pictures, stylize
from core.nst.network.pixels import to_picture

SETS = {"StyleEval": STYLE_EVAL, "simple": SIMPLE}


@dataclass(frozen=True)
class Sight:
    """A picture at one moment of a run."""

    seconds: float
    #: Over all scales.
    step: int
    measures: Mapping[str, float]


def run_preset(
    content: Image.Image,
    style: Image.Image,
    preset: str,
    size: int,
    every: int,
    network: VGG19,
    side: int,
) -> tuple[list[Sight], Image.Image]:
    """Run a preset's whole job, and return its sights and its picture.

    Only the largest scale is seen, at every ``every``-th step and at the last one. The pictures
    are measured after the run, so that the seconds contain no measuring.
    """
    warm_up(network)
    moments: list[tuple[float, int, Tensor]] = []
    began = time.perf_counter()
    for step in stylize(Pictures(content, [style]), read_recipe(preset, size), network):
        if step.scale == step.scales - 1 and (step.step % every == 0 or step.step == step.steps):
            float(step.loss.total)  # waits for the device
            moments.append((time.perf_counter() - began, step.step, step.image.cpu()))
    pictures = [to_picture(image) for _, _, image in moments]
    sights = [
        Sight(seconds, step, asdict(measure(picture, content, style, network, side)))
        for (seconds, step, _), picture in zip(moments, pictures, strict=True)
    ]
    return sights, pictures[-1]


def is_as_good(
    found: Mapping[str, float], target: Mapping[str, float], names: Sequence[str]
) -> bool:
    """Return whether no measure is lower than the target's."""
    return all(found[name] >= target[name] for name in names)


def first_as_good(
    sights: Sequence[Sight], target: Mapping[str, float], names: Sequence[str]
) -> Sight | None:
    """Return the earliest sight from which on the picture stays as good, or None.

    A picture that is as good for a moment and then is not does not count.
    """
    found = None
    for sight in reversed(sights):
        if not is_as_good(sight.measures, target, names):
            break
        found = sight
    return found


def describe(
    sights: Sequence[Sight], target: Mapping[str, float], loop_seconds: float
) -> list[str]:
    """Return lines for people: the measures of both, and how much sooner the preset is as good."""
    end = sights[-1]
    lines = []
    for title, names in SETS.items():
        for name, values in (("the loop", target), ("Easel, at the end", end.measures)):
            numbers = ", ".join(f"{each} {values[each]:.3f}" for each in names)
            lines.append(f"{title}: {name:<18} {numbers}")
        first = first_as_good(sights, target, names)
        if first is None:
            lower = [each for each in names if end.measures[each] < target[each]]
            lines.append(f"{title}: Easel's picture is lower in {' and '.join(lower)}")
        else:
            lines.append(
                f"{title}: Easel is as good {loop_seconds / first.seconds:.1f} times sooner, after "
                f"{first.seconds:.1f} s and {first.step} steps"
            )
    lines.append(
        f"Easel's whole job takes {end.seconds:.1f} s: {loop_seconds / end.seconds:.1f} times "
        "shorter than the loop"
    )
    return lines
