"""Draw the style pictures and extract the photographs: ``python -m samples.draw``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from samples import embers, mosaic, photographs, swirls, woodblock
from samples.brush import FINISHED

PHOTOS = Path(__file__).parent / "photos"
STYLES = Path(__file__).parent / "styles"

#: The seed and the drawing function of each style picture.
PICTURES: dict[str, tuple[int, Callable[[np.random.Generator], Image.Image]]] = {
    "swirls": (1889, swirls.draw),
    "mosaic": (1220, mosaic.draw),
    "woodblock": (1831, woodblock.draw),
    "embers": (1893, embers.draw),
}


def draw_styles(folder: Path) -> None:
    """Draw every style picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (seed, draw) in PICTURES.items():
        picture = draw(np.random.default_rng(seed))
        finished = picture.resize(FINISHED, Image.Resampling.LANCZOS)
        finished.save(folder / f"{name}.jpg", quality=88, optimize=True)


def main() -> None:
    """Make every picture in samples/."""
    draw_styles(STYLES)
    photographs.extract(PHOTOS)


if __name__ == "__main__":
    main()
