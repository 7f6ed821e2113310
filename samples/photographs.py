"""Extract the sample photographs from scikit-image, which bundles them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

LONGER_SIDE = 640
PHOTOGRAPHS: dict[str, Callable[[], NDArray[np.uint8]]] = {
    "astronaut": data.astronaut,  # NASA, public domain
    "cat": data.chelsea,  # Stéfan van der Walt, CC0
    "coffee": data.coffee,  # Rachel Michetti for Pikolo Espresso Bar, CC0
    "rocket": data.rocket,  # SpaceX, public domain
}


def extract(folder: Path) -> None:
    """Write every photograph into a folder, with a longer side of at most `LONGER_SIDE`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, load in PHOTOGRAPHS.items():
        picture = Image.fromarray(load())
        picture.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
        picture.save(folder / f"{name}.jpg", quality=90)
