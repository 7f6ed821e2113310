"""A preset of Easel compared with the usual loop, in two ways: ``make bench`` (SIZES="256 512").

The loop makes 300 steps. Easel starts with a loaded network, as in a warm worker.

- By the losses: both minimise the same objective for the same two pictures, that of the loop. The
  benchmark measures when Easel's picture is as good: a total no higher than the loop's last, and a
  content loss at most 5 % above the loop's, both computed by the loop's code in float32. If the
  preset does not reach that, it runs again with twice its steps.
- By the measures: Easel runs the whole job of a preset with its own objective. The benchmark
  measures when content, global effects and local patterns (``bench.look``) are each no lower than
  those of the loop's picture.

Each runs in its own process, and saves its picture next to the figures.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from bench.look.measures import measure
from bench.look.race import Sight, describe, run_preset
from bench.loop import CONTENT_LAYER, STEPS, STYLE_LAYERS, STYLE_WEIGHT, Loop
from bench.steps import convolution_seconds
from core.nst import Pictures, load_network, pick_device, stylize
from core.nst.network.pixels import to_picture, to_tensor
from core.params import Network, StyleParams
from core.params.sizes import fit
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings

#: The content loss may exceed the loop's by this factor.
_CONTENT_SLACK = 1.05
#: The side that pictures are measured at, in pixels.
_SIDE = 256


@dataclass(frozen=True)
class Run:
    """The time, losses and memory of one run until a picture."""

    seconds: float
    steps: int
    seconds_per_step: float
    total: float
    content: float
    style: float
    peak_memory_mib: float


@dataclass(frozen=True)
class Comparison:
    """The pictures and parameters that both sides get."""

    size: int
    content: str
    style: str
    preset: str
    style_weight: float = STYLE_WEIGHT
    #: None for the value of the preset.
    steps: int | None = None
    pyramid: str | None = None

    @property
    def name(self) -> str:
        weight = f"{self.style_weight:g}"
        return f"{Path(self.content).stem}-{Path(self.style).stem}-{self.size}-{weight}"

    def params(self) -> StyleParams:
        """Return the preset with the objective of the loop."""
        objective = {
            "content_weight": 1.0,
            "content_layers": (CONTENT_LAYER,),
            "style_weight": self.style_weight,
            "style_layers": STYLE_LAYERS,
            "style_layer_weights": (1.0,) * len(STYLE_LAYERS),
            "tv_weight": 0.0,
        }
        overrides = {"steps": self.steps, "pyramid": self.pyramid}
        fields = {name: value for name, value in overrides.items() if value is not None}
        return StyleParams.model_validate(
            {"preset": self.preset, "size": self.size, **objective, **fields}
        )

    def pictures(self) -> Pictures:
        paths = (self.content, self.style)
        content, style = (Image.open(path).convert("RGB") for path in paths)
        return Pictures(content, [style])

    def sides(self) -> tuple[int, int]:
        """Return the width and height of the result."""
        return fit(self.pictures().content.size, self.size, "content")

    def loop(self) -> Loop:
        params, pictures, cpu = self.params(), self.pictures(), torch.device("cpu")
        content, style = pictures.content, pictures.styles[0]
        return Loop(
            Settings().weights_dir / Network.NORMALIZED.filename,
            to_tensor(content, self.sides(), cpu),
            to_tensor(style, params.style_size(style.size), cpu),
            params.content_weight,
            self.style_weight,
        )


def run_loop(comparison: Comparison, folder: Path) -> Run:
    """Run 300 steps of the loop, and save its picture."""
    started = time.perf_counter()
    loop = comparison.loop()
    for _ in range(STEPS):
        loop.step()
    seconds = time.perf_counter() - started
    to_picture(loop.image).save(folder / f"{comparison.name}-loop.png")
    return Run(seconds, STEPS, seconds / STEPS, *_losses(loop, loop.image), _peak_mib())


def run_easel(comparison: Comparison, folder: Path, target: Run) -> tuple[Run | None, Run]:
    """Return the preset's run until it is as good as the target (or None), and until its end."""
    keep_freed_memory()  # as a worker does
    device = pick_device()
    network = load_network(Network.NORMALIZED, Settings().weights_dir, device)
    # A warm worker has already run a job.
    warm_up = comparison.params().model_copy(update={"steps": 1, "size": 64, "pyramid": "off"})
    list(stylize(comparison.pictures(), warm_up, network))
    points, scale, scale_started = [], 0, 0.0
    started = time.perf_counter()
    for step in stylize(comparison.pictures(), comparison.params(), network):
        float(step.loss.total)  # waits for the device
        now = time.perf_counter() - started
        if step.scale != scale:
            scale, scale_started = step.scale, now
        if step.scale == step.scales - 1:
            points.append((now, step.step, step.image.cpu()))
    peak = _peak_mib()
    per_step = (points[-2][0] - scale_started) / (len(points) - 2)
    loop = comparison.loop()
    runs = [
        Run(seconds, step, per_step, *_losses(loop, image), peak) for seconds, step, image in points
    ]
    as_good = [
        index
        for index, run in enumerate(runs)
        if run.total <= target.total and run.content <= _CONTENT_SLACK * target.content
    ]
    saved = {"end": -1, **({"as-good": as_good[0]} if as_good else {})}
    for name, index in saved.items():
        to_picture(points[index][2]).save(folder / f"{comparison.name}-easel-{name}.png")
    return (runs[as_good[0]] if as_good else None), runs[-1]


def run_by_measures(
    comparison: Comparison, folder: Path, every: int
) -> tuple[list[Sight], dict[str, float]]:
    """Run the preset's whole job.

    Returns:
        What was seen of the picture, and the measures of the loop's picture.
    """
    keep_freed_memory()
    network = load_network(Network.NORMALIZED, Settings().weights_dir, pick_device())
    pictures = comparison.pictures()
    content, style = pictures.content, pictures.styles[0]
    arguments = (comparison.preset, comparison.size, every, network, _SIDE)
    sights, picture = run_preset(content, style, *arguments)
    picture.save(folder / f"{comparison.name}-{comparison.preset}.png")
    loop = Image.open(folder / f"{comparison.name}-loop.png")
    return sights, asdict(measure(loop, content, style, network, _SIDE))


def _losses(loop: Loop, image: torch.Tensor) -> tuple[float, float, float]:
    with torch.no_grad():
        total, content, style = loop.losses(image.clamp(0, 1))
    return float(total), float(content), float(style)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _in_own_process(function: Any, *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def _row(name: str, run: Run) -> str:
    return (
        f"{name:<22}{run.seconds:9.1f}{run.steps:7d}{run.seconds_per_step:10.3f}"
        f"{run.total:9.1f}{run.content:9.3f}{run.style:9.4f}{run.peak_memory_mib:9.0f}"
    )


def main() -> None:
    """Measure, print a table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--content", default="samples/photos/cat.jpg")
    parser.add_argument("--style", default="samples/styles/swirls.jpg")
    parser.add_argument("--preset", default="balanced")
    for name, kind in (("steps", int), ("pyramid", str)):
        parser.add_argument(f"--{name}", type=kind, help="replaces the preset's value")
    parser.add_argument("--style-weight", type=float, default=STYLE_WEIGHT, help="of both")
    parser.add_argument(
        "--every", type=int, default=5, help="steps between two measurements of the picture"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(".bench"), help="folder for figures and pictures"
    )
    options = vars(parser.parse_args())
    folder: Path = options.pop("out")
    every: int = options.pop("every")
    comparison = Comparison(**options)
    print(f"{comparison.name}, {comparison.preset}")
    print("by the losses")
    print(f"{'':<22}  seconds  steps  per step    total  content    style peak MiB")
    folder.mkdir(exist_ok=True)
    loop = _in_own_process(run_loop, comparison, folder)
    print(_row("the loop", loop), flush=True)
    good, end = _in_own_process(run_easel, comparison, folder, loop)
    print(_row("Easel, at the end", end), flush=True)
    if good is None and comparison.steps is None:
        longer = replace(comparison, steps=2 * comparison.params().steps)
        good, later = _in_own_process(run_easel, longer, folder, loop)
        print(_row("  with twice the steps", later))
    if good is not None:
        print(_row("Easel, when as good", good))
    convolutions = sum(_in_own_process(convolution_seconds, *comparison.sides())) / 2
    if good is None:
        print("Easel did not become as good as the loop; try more --steps")
    else:
        print(f"Easel is as good {loop.seconds / good.seconds:.1f} times sooner")
    print(f"convolutions alone take {convolutions / end.seconds_per_step:.0%} of a step")
    sights, target = _in_own_process(run_by_measures, comparison, folder, every)
    print("\n".join(["", "by the measures", *describe(sights, target, loop.seconds)]))
    figures = {
        "comparison": asdict(comparison),
        "loop": asdict(loop),
        "good": good and asdict(good),
        "end": asdict(end),
        "measures": {"loop": target, "easel": [asdict(sight) for sight in sights]},
    }
    figures["convolutions_seconds"] = convolutions
    (folder / f"{comparison.name}.json").write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
