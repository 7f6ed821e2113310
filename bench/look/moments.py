"""How many steps the largest scale needs: ``python -m bench.look.moments --size 1024``.

Runs a preset from a photograph and a painting, and measures the picture after some steps at the
largest scale, beside the start of that scale, which is what the smaller scales have painted.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from PIL import Image

from bench.look.measures import measure
from bench.look.paint import read_recipe
from core.nst import Pictures, load_network, stylize
from core.settings.model import Settings

_MEASURES = ("cf", "ge", "lp", "cf_max", "ge_centred", "lp_cosine")


def main() -> None:
    """Print a row for each number of steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--content", type=Path, required=True)
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--recipe", default="balanced", help="as for bench.look")
    parser.add_argument(
        "--steps", type=int, nargs="+", default=[0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 28]
    )
    parser.add_argument("--side", type=int, nargs="+", default=[256, 512], help="of the measures")
    parser.add_argument("--out", type=Path, help="a folder for the pictures")
    arguments = parser.parse_args()
    content, style = (
        Image.open(each).convert("RGB") for each in (arguments.content, arguments.style)
    )
    params = read_recipe(arguments.recipe, arguments.size)
    network = load_network(params.network, Settings().weights_dir, torch.device("cpu"))
    print(f"| steps | side | seconds | total | {' | '.join(_MEASURES)} |")
    print("|" + "---|" * (4 + len(_MEASURES)), flush=True)
    began, measuring, first = time.perf_counter(), 0.0, None
    for step in stylize(Pictures(content, [style]), params, network):
        if step.scale + 1 < step.scales:
            continue
        first = step.step if first is None else first
        made, seconds = step.step - first, time.perf_counter() - began - measuring
        if made not in arguments.steps:
            continue
        paused = time.perf_counter()
        picture = step.picture()
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            picture.save(arguments.out / f"{arguments.size}-{made}.png")
        for side in arguments.side:
            found = measure(picture, content, style, network, side)
            values = " | ".join(f"{getattr(found, each):.3f}" for each in _MEASURES)
            print(
                f"| {made} | {side} | {seconds:.0f} | {float(step.loss.total):.4g} | {values} |",
                flush=True,
            )
        measuring += time.perf_counter() - paused
        if made == max(arguments.steps):
            return


if __name__ == "__main__":
    main()
