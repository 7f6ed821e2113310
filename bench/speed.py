"""Easel's preset against the loop everyone writes: ``make bench`` (SIZES="256 512").

Both minimise the same objective over the same two pictures. The loop makes 300
steps. Then Easel starts from nothing but the pictures and a loaded network, as a
warm worker does, and the time is taken at which its picture is as good: a total
no higher than the loop's last, a content term at most 5 % above the loop's, both
by the loop's own code in float32. If the preset does not come to that, it runs once
more with twice its steps. Each runs in a process of its own, and leaves its
picture beside the figures, to be looked at.
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

from bench.loop import Loop
from bench.steps import convolution_seconds
from core.nst import Pictures, load_network, pick_device, stylize
from core.nst.network.pixels import to_picture, to_tensor
from core.params import Network, StyleParams
from core.params.sizes import fit
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings

_STEPS = 300
#: What counts as the same content term.
_CONTENT_SLACK = 1.05


@dataclass(frozen=True)
class Run:
    """What a contender did."""

    seconds: float
    steps: int
    seconds_per_step: float
    total: float
    content: float
    style: float
    peak_memory_mib: float


@dataclass(frozen=True)
class Duel:
    """What is measured with, and on."""

    size: int
    content: str
    style: str
    preset: str
    #: Where they are None, they are the preset's.
    steps: int | None = None
    style_weight: float | None = None
    pyramid: str | None = None

    @property
    def name(self) -> str:
        weight = f"{self.params().style_weight:g}"
        return f"{Path(self.content).stem}-{Path(self.style).stem}-{self.size}-{weight}"

    def params(self) -> StyleParams:
        given = {"steps": self.steps, "style_weight": self.style_weight, "pyramid": self.pyramid}
        chosen = {name: value for name, value in given.items() if value is not None}
        return StyleParams.model_validate({"preset": self.preset, "size": self.size, **chosen})

    def pictures(self) -> Pictures:
        paths = (self.content, self.style)
        content, style = (Image.open(path).convert("RGB") for path in paths)
        return Pictures(content, [style])

    def sides(self) -> tuple[int, int]:
        """Width and height of the result."""
        return fit(self.pictures().content.size, self.size, "content")

    def loop(self) -> Loop:
        params, pictures, cpu = self.params(), self.pictures(), torch.device("cpu")
        content, style = pictures.content, pictures.styles[0]
        return Loop(
            Settings().weights_dir / Network.NORMALIZED.filename,
            to_tensor(content, self.sides(), cpu),
            to_tensor(style, params.style_size(style.size), cpu),
            params.content_weight,
            params.style_weight,
        )


def run_loop(duel: Duel, folder: Path) -> Run:
    """300 steps of the loop."""
    started = time.perf_counter()
    loop = duel.loop()
    for _ in range(_STEPS):
        loop.step()
    seconds = time.perf_counter() - started
    to_picture(loop.image).save(folder / f"{duel.name}-loop.png")
    return Run(seconds, _STEPS, seconds / _STEPS, *_judged(loop, loop.image), _peak_mib())


def run_easel(duel: Duel, folder: Path, target: Run) -> tuple[Run | None, Run]:
    """The preset, when it is as good as the target if ever it is, and at its end."""
    keep_freed_memory()  # as a worker does
    device = pick_device()
    network = load_network(Network.NORMALIZED, Settings().weights_dir, device)
    # A warm worker has run a job before.
    warm = duel.params().model_copy(update={"steps": 1, "size": 64, "pyramid": "off"})
    list(stylize(duel.pictures(), warm, network))
    seen, scale, begun = [], 0, 0.0
    started = time.perf_counter()
    for step in stylize(duel.pictures(), duel.params(), network):
        float(step.loss.total)  # waits for the device
        now = time.perf_counter() - started
        if step.scale != scale:
            scale, begun = step.scale, now
        if step.scale == step.scales - 1:
            seen.append((now, step.step, step.image.cpu()))
    peak = _peak_mib()
    per_step = (seen[-2][0] - begun) / (len(seen) - 2)
    loop = duel.loop()
    runs = [Run(now, number, per_step, *_judged(loop, image), peak) for now, number, image in seen]
    good = [
        number
        for number, run in enumerate(runs)
        if run.total <= target.total and run.content <= _CONTENT_SLACK * target.content
    ]
    shown = {"end": -1, **({"as-good": good[0]} if good else {})}
    for name, number in shown.items():
        to_picture(seen[number][2]).save(folder / f"{duel.name}-easel-{name}.png")
    return (runs[good[0]] if good else None), runs[-1]


def _judged(loop: Loop, image: torch.Tensor) -> tuple[float, float, float]:
    with torch.no_grad():
        total, content, style = loop.losses(image.clamp(0, 1))
    return float(total), float(content), float(style)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _alone(function: Any, *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def _row(name: str, run: Run) -> str:
    return (
        f"{name:<22}{run.seconds:9.1f}{run.steps:7d}{run.seconds_per_step:10.3f}"
        f"{run.total:9.1f}{run.content:9.3f}{run.style:9.4f}{run.peak_memory_mib:9.0f}"
    )


def main() -> None:
    """Measure, print the table, and write JSON beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--content", default="samples/photos/cat.jpg")
    parser.add_argument("--style", default="samples/styles/swirls.jpg")
    parser.add_argument("--preset", default="balanced")
    for name, kind in (("steps", int), ("style-weight", float), ("pyramid", str)):
        parser.add_argument(f"--{name}", type=kind, help="instead of the preset's")
    parser.add_argument("--out", type=Path, default=Path(".bench"), help="for figures and pictures")
    options = vars(parser.parse_args())
    folder: Path = options.pop("out")
    duel = Duel(**options)
    print(f"{duel.name}, {duel.preset}")
    print(f"{'':<22}  seconds  steps  per step    total  content    style peak MiB")
    folder.mkdir(exist_ok=True)
    loop = _alone(run_loop, duel, folder)
    print(_row("the loop", loop), flush=True)
    good, end = _alone(run_easel, duel, folder, loop)
    print(_row("Easel, at its end", end), flush=True)
    if good is None and duel.steps is None:
        longer = replace(duel, steps=2 * duel.params().steps)
        good, later = _alone(run_easel, longer, folder, loop)
        print(_row("  with twice the steps", later))
    if good is not None:
        print(_row("Easel, when as good", good))
    ceiling = sum(_alone(convolution_seconds, *duel.sides())) / 2
    if good is None:
        print("Easel did not become as good; give it more --steps to see when it does")
    else:
        print(f"times faster to the loop's total: {loop.seconds / good.seconds:.1f}")
    print(f"of a step, its convolutions alone: {ceiling / end.seconds_per_step:.0%}")
    figures = {
        "duel": asdict(duel),
        "loop": asdict(loop),
        "good": good and asdict(good),
        "end": asdict(end),
    }
    figures["convolutions_seconds"] = ceiling
    (folder / f"{duel.name}.json").write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
