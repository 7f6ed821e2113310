"""Masks: which part of the content takes its style from which part of a style picture.

Gatys, Ecker, Bethge, Hertzmann and Shechtman 2017, "Controlling Perceptual Factors
in Neural Style Transfer", section 4. A mask is a picture in flat colours; each
colour is a label, and the content's region of a label is painted like the style
pictures' regions of the same label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as nn
from PIL import Image
from torch import Tensor

from core.params import Layer, size_at
from core.pictures.masks import Label, regions_of


@dataclass(frozen=True)
class Guides:
    """The regions of one picture at one size."""

    #: How much each pixel belongs to a region, 0 to 1: (1, 1, H, W).
    regions: dict[Label, Tensor]
    #: The part of the mask that each covers, 0 to 1.
    areas: dict[Label, float]

    def at(self, label: Label, layer: Layer) -> Tensor:
        """How much each position of a layer belongs to a region: shape (H', W'), 0 to 1."""
        region = self.regions[label]
        width, height = size_at(layer, (region.shape[3], region.shape[2]))
        return nn.adaptive_avg_pool2d(region, (height, width))[0, 0]


def read_mask(mask: Image.Image, size: tuple[int, int], device: torch.device) -> Guides:
    """The regions of a mask, at the size (width, height) that its picture is used at.

    Averaged, so that a region which is thinner than a pixel is still there.

    Raises:
        InvalidPicture: the mask has too many colours.
    """
    areas = dict(regions_of(mask))
    pixels = np.asarray(mask.convert("RGB"))  # (H, W, 3)
    return Guides({label: _region(pixels, label, size).to(device) for label in areas}, areas)


def _region(pixels: np.ndarray[tuple[int, ...]], label: Label, size: tuple[int, int]) -> Tensor:
    inside = (pixels == label).all(axis=2).astype(np.float32)  # (H, W)
    averaged = Image.fromarray(inside).resize(size, Image.Resampling.BOX)
    return torch.from_numpy(np.array(averaged))[None, None]
