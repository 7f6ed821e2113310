"""Painting a pair by a recipe: a preset, parameters, or the usual loop."""

from __future__ import annotations

import time

import torch
from PIL import Image

from bench.loop import STEPS, STYLE_WEIGHT, Loop
from core.nst import VGG19, Pictures, stylize
from core.nst.network.pixels import to_picture, to_tensor
from core.params import Network, StyleParams, parse_params
from core.params.sizes import fit
from core.settings.model import Settings

#: The recipe of the usual loop (``bench/loop.py``).
LOOP = "loop"


def read_recipe(text: str, size: int) -> StyleParams:
    """Return the parameters of a recipe: a preset, or ``name=value`` separated by spaces."""
    words = text.split() if "=" in text else [f"preset={text}"]
    given = dict(word.split("=", 1) for word in words)
    return parse_params({**given, "size": str(size)})


def paint(
    content: Image.Image, style: Image.Image, recipe: str, size: int, network: VGG19
) -> tuple[Image.Image, float]:
    """Return a picture, and the seconds from the decoded pictures to it.

    Args:
        content, style: the photograph and the painting, in RGB.
        recipe: see :func:`read_recipe`; or :data:`LOOP`.
        size: the longer side of the result, in pixels.
        network: the loaded network. The loop loads its own, which the seconds include.
    """
    began = time.perf_counter()
    if recipe == LOOP:
        picture = _run_loop(content, style, size)
    else:
        *_, last = stylize(Pictures(content, [style]), read_recipe(recipe, size), network)
        picture = last.picture()
    return picture, time.perf_counter() - began


def warm_up(network: VGG19) -> None:
    """Make one step, so that the first seconds are those of a worker that has had a job."""
    grey = Image.new("RGB", (64, 64), "grey")
    list(stylize(Pictures(grey, [grey]), StyleParams(size=64, steps=1), network))


def _run_loop(content: Image.Image, style: Image.Image, size: int) -> Image.Image:
    cpu = torch.device("cpu")
    loop = Loop(
        Settings().weights_dir / Network.NORMALIZED.filename,
        to_tensor(content, fit(content.size, size, "content"), cpu),
        to_tensor(style, fit(style.size, size, "style"), cpu),
        1.0,
        STYLE_WEIGHT,
    )
    for _ in range(STEPS):
        loop.step()
    return to_picture(loop.image)
