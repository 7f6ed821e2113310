"""Draw the style pictures and extract the photographs: ``python -m samples.draw``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from samples import photographs
from samples.brush import FINISHED
from samples.paintings import (
    charcoal,
    cutouts,
    embers,
    glass,
    inkwash,
    linocut,
    mosaic,
    points,
    pond,
    rings,
    swirls,
    watercolour,
    weave,
    woodblock,
)

PHOTOS = Path(__file__).parent / "photos"
STYLES = Path(__file__).parent / "styles"

#: The seed and the drawing function of each style picture.
PICTURES: dict[str, tuple[int, Callable[[np.random.Generator], Image.Image]]] = {
    "swirls": (1889, swirls.draw),
    "mosaic": (1220, mosaic.draw),
    "woodblock": (1831, woodblock.draw),
    "embers": (1893, embers.draw),
    "inkwash": (1905, inkwash.draw),
    "watercolour": (1905, watercolour.draw),
    "points": (1905, points.draw),
    "pond": (1905, pond.draw),
    "linocut": (1905, linocut.draw),
    "charcoal": (1905, charcoal.draw),
    "glass": (1905, glass.draw),
    "cutouts": (1905, cutouts.draw),
    "rings": (1905, rings.draw),
    "weave": (1905, weave.draw),
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
