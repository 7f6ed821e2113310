"""Make the pictures that everyone compares by: ``python -m docs.tubingen FOLDER``.

Tübingen as the Starry Night and as The Scream, by every preset, at 256 and at 512
pixels. The folder has the three pictures, which are not Easel's to give away; the
sheets go to ``docs/images/``. They take half an hour on two cores; what was painted
before is not painted again, so empty ``--keep`` after a change of the presets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from core.choices import Preset
from core.nst import VGG19, Pictures, load_network, pick_device, stylize
from core.params import Network, parse_params
from core.settings import Settings
from docs.figures import IMAGES, row

_CONTENT = "tubingen.jpg"
_STYLES = ("starry_night_google.jpg", "the_scream.jpg")
_SIZES = (256, 512)
_GAP = 6


def paint(network: VGG19, folder: Path, style: str, preset: Preset, size: int) -> Image.Image:
    """One picture, with everything but preset and size at its default."""
    content, painting = (Image.open(folder / name).convert("RGB") for name in (_CONTENT, style))
    params = parse_params({"preset": preset, "size": size})
    *_, last = stylize(Pictures(content, [painting]), params, network)
    return last.picture()


def below(rows: list[Image.Image]) -> Image.Image:
    """Rows of the same width, one below the other."""
    height = sum(each.height + _GAP for each in rows) - _GAP
    sheet = Image.new("RGB", (rows[0].width, height), "white")
    top = 0
    for each in rows:
        sheet.paste(each, (0, top))
        top += each.height + _GAP
    return sheet


def main() -> None:
    """Paint what is missing, and make the sheets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help=f"has {', '.join((_CONTENT, *_STYLES))}")
    parser.add_argument("--keep", type=Path, default=Path(".bench"), help="has the single pictures")
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES)
    parser.add_argument("--presets", type=Preset, nargs="+", default=list(Preset))
    given = parser.parse_args()
    given.keep.mkdir(exist_ok=True)
    network = load_network(Network.NORMALIZED, Settings().weights_dir, pick_device())
    for size in given.sizes:
        rows = []
        for style in _STYLES:
            painted = []
            for preset in given.presets:
                kept = given.keep / f"{Path(style).stem}-{preset.value}-{size}.png"
                if not kept.exists():
                    paint(network, given.folder, style, preset, size).save(kept)
                painted.append(Image.open(kept))
            captions = [f"{preset.value}, {Path(style).stem}" for preset in given.presets]
            rows.append(row(painted, captions))
        below(rows).save(IMAGES / f"tubingen-{size}.jpg", quality=85)


if __name__ == "__main__":
    main()
