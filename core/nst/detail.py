"""The detail map: a factor of the content weight for each position.

Departure: the paper weighs the content loss equally at all positions. A face keeps its features
only if the content weighs more there than where paint is welcome.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.nst.regions import at_layer
from core.params import Layer
from core.pictures.detail import NEUTRAL

#: The factor where a map is white. Chosen by looking, among 4, 8, 16 and 32: a portrait at 128
#: pixels as a woodblock print, a mosaic, the Starry Night and The Scream. With 8, mouth and nose
#: are still redrawn as parts of the painting in two of them.
_WHITE = 16


def read_levels(picture: Image.Image, size: tuple[int, int], device: torch.device) -> Tensor:
    """Return a detail map's grey levels at a size, averaged over the area of each pixel.

    Args:
        picture: the map.
        size: width and height of the content picture.
        device: where the result is.

    Returns:
        Shape (1, 1, H, W), 0 to 255.
    """
    resized = picture.convert("L").resize(size, Image.Resampling.BOX)
    return torch.from_numpy(np.array(resized, dtype=np.float32))[None, None].to(device)


def content_factors(levels: Tensor, layer: Layer) -> Tensor:
    """Return D, the factor of the content weight at each position of a layer.

    0 at black, rising evenly to 1 at mid-grey (128), and geometrically to 16 at white.

    Args:
        levels: from :func:`read_levels`.
        layer: the content layer.

    Returns:
        Shape (H', W'), 0 to 16.
    """
    level = at_layer(levels, layer)
    brighter = torch.pow(_WHITE, (level - NEUTRAL) / (255 - NEUTRAL))
    return torch.where(level < NEUTRAL, level / NEUTRAL, brighter)
