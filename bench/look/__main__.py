"""Measure how pictures look: ``python -m bench.look [PAIRS] [--size N ...] [--recipe TEXT ...]``.

PAIRS is a text file; see :func:`bench.look.pairs.read_pairs`. A recipe is a preset, or parameters
such as ``"preset=fine style_weight=40"``. Prints a table of all measures, and writes a contact
sheet.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from bench.look.measures import Measures, measure
from bench.look.pairs import Pair, read_pairs, read_picture
from bench.look.sheet import contact_sheet
from core.nst import VGG19, Pictures, load_network, pick_device, stylize
from core.params import StyleParams, parse_params
from core.settings.model import Settings


class Look(NamedTuple):
    """One result and its measures."""

    pair: Pair
    recipe: str
    size: int
    seconds: float
    picture: Image.Image
    measures: Measures


def read_recipe(text: str, size: int) -> StyleParams:
    """Return the parameters of a recipe: a preset, or ``name=value`` separated by spaces."""
    words = text.split() if "=" in text else [f"preset={text}"]
    given = dict(word.split("=", 1) for word in words)
    return parse_params({**given, "size": str(size)})


def look_at(pair: Pair, recipe: str, size: int, side: int, network: VGG19) -> Look:
    """Paint one pair and measure the result, reduced to ``side`` pixels."""
    content, style = read_picture(pair.content), read_picture(pair.style)
    began = time.perf_counter()
    *_, last = stylize(Pictures(content, [style]), read_recipe(recipe, size), network)
    seconds = time.perf_counter() - began
    picture = last.picture()
    return Look(
        pair, recipe, size, seconds, picture, measure(picture, content, style, network, side)
    )


def table(looks: Sequence[Look]) -> str:
    """Return a Markdown table: each result, then for each recipe and size the mean and worst."""
    names = [field.name for field in fields(Measures)]
    lines = [
        f"| pair | recipe | size | s | {' | '.join(names)} |",
        "|---" * (4 + len(names)) + "|",
    ]
    for look in looks:
        lines.append(_row(look.pair.name, look, look.seconds, astuple(look.measures)))
    for recipe, size in dict.fromkeys((look.recipe, look.size) for look in looks):
        group = [look for look in looks if (look.recipe, look.size) == (recipe, size)]
        columns = list(zip(*(astuple(look.measures) for look in group), strict=True))
        seconds = statistics.mean(look.seconds for look in group)
        lines.append(_row("**mean**", group[0], seconds, [statistics.mean(c) for c in columns]))
        lines.append(_row("**lowest**", group[0], seconds, [min(c) for c in columns]))
    return "\n".join(lines)


def _row(name: str, look: Look, seconds: float, values: Sequence[float]) -> str:
    numbers = " | ".join(f"{value:.3f}" for value in values)
    return f"| {name} | {look.recipe} | {look.size} | {seconds:.1f} | {numbers} |"


def _sheet(looks: Sequence[Look]) -> Image.Image:
    rows = []
    for pair in dict.fromkeys(look.pair for look in looks):
        originals = [(path.stem, read_picture(path)) for path in (pair.content, pair.style)]
        results = [
            (f"{look.recipe} {look.size}", look.picture) for look in looks if look.pair == pair
        ]
        rows.append([*originals, *results])
    return contact_sheet(rows)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.look", description=__doc__)
    default = Path(__file__).with_name("pairs.txt")
    parser.add_argument("pairs", type=Path, nargs="?", default=default)
    parser.add_argument("--size", type=int, action="append", help="of the results; 256 by default")
    parser.add_argument("--recipe", action="append", help="a preset, or 'name=value name=value'")
    parser.add_argument("--side", type=int, default=256, help="the size to measure at")
    parser.add_argument("--sheet", type=Path, default=Path("look.png"), help="contact sheet")
    options = parser.parse_args()
    network = load_network(StyleParams().network, Settings().weights_dir, pick_device())
    looks = [
        look_at(pair, recipe, size, options.side, network)
        for pair in read_pairs(options.pairs)
        for recipe in options.recipe or ["balanced"]
        for size in options.size or [256]
    ]
    print(table(looks))
    _sheet(looks).save(options.sheet)


if __name__ == "__main__":
    main()
