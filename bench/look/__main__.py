"""Measure how pictures look: ``python -m bench.look [PAIRS] [--size N ...] [--recipe TEXT ...]``.

PAIRS is a text file; see :func:`bench.look.pairs.read_pairs`. A recipe is a preset, parameters
such as ``"preset=fine style_weight=40"``, or ``loop``. Prints tables of all measures, and writes a
contact sheet. Pictures and records stay in the folder of ``--out``: a picture that is there already
is not painted again, so that a command goes on where it was stopped, and several commands can share
the work. Use a new folder after a change of the code.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from bench.look.measures import measure
from bench.look.paint import LOOP, paint, read_recipe, warm_up
from bench.look.pairs import Finished, Pair, read_finished, read_pairs, read_picture
from bench.look.records import Folder, Record
from bench.look.sheet import contact_sheet
from bench.look.summary import tables
from core.nst import VGG19, load_network, pick_device
from core.params import StyleParams
from core.runtime.malloc import keep_freed_memory
from core.settings.model import Settings

_PAIRS = Path(__file__).with_name("pairs.txt")


def look_at(
    pair: Pair, recipe: str, size: int, side: int, network: VGG19, folder: Folder
) -> Record:
    """Paint one pair and measure the result, unless the folder has it."""
    found = folder.find(pair, recipe, size)
    if found is not None:
        return found
    content, style = read_picture(pair.content), read_picture(pair.style)
    picture, seconds = paint(content, style, recipe, size, network)
    measures = measure(picture, content, style, network, side)
    return folder.add(pair, recipe, size, seconds, picture, asdict(measures))


def look_at_finished(finished: Finished, side: int, network: VGG19, folder: Folder) -> Record:
    """Measure a finished picture."""
    pair, path, recipe = finished
    content, style, picture = (read_picture(each) for each in (pair.content, pair.style, path))
    measures = measure(picture, content, style, network, side)
    return folder.add(pair, recipe, max(picture.size), None, picture, asdict(measures))


def _sheet(pairs: Sequence[Pair], records: Sequence[Record], folder: Folder) -> Image.Image:
    rows = []
    for pair in pairs:
        originals = [(path.stem, read_picture(path)) for path in (pair.content, pair.style)]
        own = [each for each in records if each.key[:2] == (pair.content.name, pair.style.name)]
        results = [(f"{each.recipe} {each.size}", folder.picture(each)) for each in own]
        rows.append([*originals, *results])
    return contact_sheet(rows)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.look", description=__doc__)
    parser.add_argument("pairs", type=Path, nargs="?", default=_PAIRS)
    parser.add_argument("--size", type=int, action="append", help="of the results; 256 by default")
    parser.add_argument("--recipe", action="append", help="a preset, 'name=value ...', or loop")
    parser.add_argument(
        "--finished", type=Path, help="measure the pictures of this list, and paint none"
    )
    parser.add_argument("--side", type=int, default=256, help="the size to measure at")
    parser.add_argument("--out", type=Path, default=Path(".bench/look"), help="for the pictures")
    parser.add_argument("--sheet", type=Path, help="contact sheet; by default in --out")
    options = parser.parse_args()
    recipes, sizes = options.recipe or ["balanced"], options.size or [256]
    for recipe in recipes:
        if recipe != LOOP:
            read_recipe(recipe, sizes[0])  # before the first picture: it may be wrong
    keep_freed_memory()  # as a worker does
    network = load_network(StyleParams().network, Settings().weights_dir, pick_device())
    folder = Folder(options.out)
    if options.finished is not None:
        finished = read_finished(options.finished)
        pairs = list(dict.fromkeys(each.pair for each in finished))
        records = [look_at_finished(each, options.side, network, folder) for each in finished]
    else:
        warm_up(network)
        pairs = read_pairs(options.pairs)
        records = [
            look_at(pair, recipe, size, options.side, network, folder)
            for pair in pairs
            for recipe in recipes
            for size in sizes
        ]
    print(tables(records))
    _sheet(pairs, records, folder).save(options.sheet or options.out / "look.png")


if __name__ == "__main__":
    main()
