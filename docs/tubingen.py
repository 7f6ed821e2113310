"""Make the pictures that everyone compares by: ``python -m docs.tubingen FOLDER``.

Tübingen as the Starry Night and as The Scream, by every preset. The folder has the
three pictures, which are not Easel's to give away; the sheets, one for every size,
go to ``docs/images/``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from core.nst import load_network, pick_device
from core.params import Network
from core.params.choices import Preset
from core.settings.model import Settings
from docs.figures import GAP, IMAGES, painted, row

_CONTENT = "tubingen.jpg"
_STYLES = ("starry_night_google.jpg", "the_scream.jpg")
_SIZES = (256, 512)


def below(rows: list[Image.Image]) -> Image.Image:
    """Rows of the same width, one below the other."""
    height = sum(each.height + GAP for each in rows) - GAP
    sheet = Image.new("RGB", (rows[0].width, height), "white")
    top = 0
    for each in rows:
        sheet.paste(each, (0, top))
        top += each.height + GAP
    return sheet


def main() -> None:
    """Paint, and make the sheets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help=f"has {', '.join((_CONTENT, *_STYLES))}")
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES)
    parser.add_argument("--presets", type=Preset, nargs="+", default=list(Preset))
    given = parser.parse_args()
    network = load_network(Network.NORMALIZED, Settings().weights_dir, pick_device())
    for size in given.sizes:
        rows = []
        for style in _STYLES:
            paths = given.folder / _CONTENT, given.folder / style
            pictures = [
                painted(network, paths[0], paths[1:], {"preset": preset, "size": size})
                for preset in given.presets
            ]
            captions = [f"{preset.value}, {Path(style).stem}" for preset in given.presets]
            rows.append(row(pictures, captions))
        below(rows).save(IMAGES / f"tubingen-{size}.jpg", quality=85)


if __name__ == "__main__":
    main()
