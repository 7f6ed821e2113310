"""The usual comparison pictures: ``python -m docs.tubingen FOLDER``.

They show Tübingen as the Starry Night and as The Scream, with the presets. The folder
must contain the three pictures, whose licences do not let Easel include them. One sheet
for each size is written to ``docs/images/``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from core.nst import load_network, pick_device
from core.params import Network
from core.params.choices import Preset
from core.settings.model import Settings
from docs.figures import GAP, IMAGES, row, stylize_files

_CONTENT = "tubingen.jpg"
_STYLES = ("starry_night_google.jpg", "the_scream.jpg")
_SIZES = (256,)
_PRESETS = (Preset.FAST, Preset.BALANCED, Preset.FINE)


def column(rows: list[Image.Image]) -> Image.Image:
    """Place rows of the same width below each other."""
    height = sum(each.height + GAP for each in rows) - GAP
    sheet = Image.new("RGB", (rows[0].width, height), "white")
    top = 0
    for each in rows:
        sheet.paste(each, (0, top))
        top += each.height + GAP
    return sheet


def main() -> None:
    """Stylise the pictures and make the sheets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help=f"contains {', '.join((_CONTENT, *_STYLES))}")
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES)
    parser.add_argument("--presets", type=Preset, nargs="+", default=_PRESETS)
    arguments = parser.parse_args()
    network = load_network(Network.NORMALIZED, Settings().weights_dir, pick_device())
    for size in arguments.sizes:
        rows = []
        for style in _STYLES:
            paths = arguments.folder / _CONTENT, arguments.folder / style
            pictures = [
                stylize_files(network, paths[0], paths[1:], {"preset": preset, "size": size})
                for preset in arguments.presets
            ]
            captions = [f"{preset.value}, {Path(style).stem}" for preset in arguments.presets]
            rows.append(row(pictures, captions))
        column(rows).save(IMAGES / f"tubingen-{size}.jpg", quality=85)


if __name__ == "__main__":
    main()
