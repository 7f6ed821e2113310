"""Small pictures, tensors and runs that several tests of the optimiser use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.nst import VGG19, Pictures, Step, stylize
from core.nst.network.precision import NumberFormat
from core.nst.regions import Guides, Mask
from core.nst.scale import Scale, Scales
from core.params import StyleParams
from tests.conftest import photo

CPU = torch.device("cpu")
FLOAT64 = NumberFormat(torch.float64)

CONTENT, STYLE, OTHER = photo(96, 64, seed=1), photo(80, 70, seed=2), photo(64, 96, seed=3)
PICTURES = Pictures(CONTENT, [STYLE])

_SMALL = {"size": 64, "steps": 5, "pyramid": "off", "precision": "float32", "optimizer": "adam"}


def small_params(**fields: Any) -> StyleParams:
    """Return the parameters of a short run with Adam at 64 pixels, with some fields replaced."""
    return StyleParams.model_validate({**_SMALL, **fields})


def run(network: VGG19, pictures: Pictures = PICTURES, **fields: Any) -> list[Step]:
    """Return all records of a run with :func:`small_params`."""
    return list(stylize(pictures, small_params(**fields), network))


def scale_of(pictures: Pictures, params: StyleParams, network: VGG19) -> Scale:
    """Return the scale of the result."""
    return Scales(pictures, params, network).at(params.size)


def resized(picture: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture resampled as the optimiser does it: shape (H, W, 3), 0 to 255."""
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS))


def flat(size: tuple[int, int], color: str) -> Image.Image:
    """Return a mask with one region."""
    return Image.new("RGB", size, color)


def halves(size: tuple[int, int], left: str = "red", right: str = "blue") -> Image.Image:
    """Return a mask with two regions."""
    mask = flat(size, right)
    mask.paste(left, (0, 0, size[0] // 2, size[1]))
    return mask


def guides_of(mask: Image.Image, size: tuple[int, int]) -> Guides:
    """Return the regions of a mask at the size (width, height) of its picture."""
    return Mask(mask, "content_mask").guides(size, CPU)


def uniform(seed: int, *shape: int) -> Tensor:
    """Return random numbers from 0 to 1, in float64."""
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def normal(seed: int, *shape: int) -> Tensor:
    """Return random numbers with mean 0 and deviation 1, in float64."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def finite_differences(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the gradient, estimated by central differences."""
    gradient = torch.zeros_like(x)
    for index in np.ndindex(*x.shape):
        step = torch.zeros_like(x)
        step[index] = 1e-6
        gradient[index] = (loss(x + step) - loss(x - step)) / 2e-6
    return gradient
