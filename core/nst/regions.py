"""Masks: the content's regions, each painted like a region of the style pictures.

Gatys, Ecker, Bethge, Hertzmann and Shechtman 2017, "Controlling Perceptual Factors in Neural
Style Transfer", section 4. A mask is a picture in flat colours. Each colour is a label, and the
content's region of a label is painted like the style pictures' regions of the same label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as nn
from PIL import Image
from torch import Tensor

from core.params import Layer, size_at
from core.pictures.bundle import Pictures
from core.pictures.masks import Label, check_areas, check_labels, regions_of


@dataclass(frozen=True)
class Guides:
    """The regions of one picture at one size.

    A region takes as much memory as a channel of the picture, so it is made when it is needed.
    """

    mask: Mask
    #: Width and height, in pixels.
    size: tuple[int, int]
    device: torch.device

    @property
    def areas(self) -> dict[Label, float]:
        """The part of the mask that each region covers, 0 to 1."""
        return self.mask.areas

    def region(self, label: Label) -> Tensor:
        """Return how much each pixel belongs to a region, 0 to 1: shape (1, 1, H, W).

        It is averaged, so that a region thinner than a pixel does not vanish.
        """
        inside = (self.mask.pixels == label).all(axis=2).astype(np.float32)  # (H, W) of the mask
        averaged = Image.fromarray(inside).resize(self.size, Image.Resampling.BOX)
        return torch.from_numpy(np.array(averaged))[None, None].to(self.device)


class Mask:
    """A mask, scanned for its regions once.

    Args:
        picture: in flat colours.
        field: the request's field for it, named in errors.

    Raises:
        InvalidPicture: the mask has too many colours.
    """

    def __init__(self, picture: Image.Image, field: str) -> None:
        self.field = field
        #: The part of the mask that each region covers, 0 to 1.
        self.areas = dict(regions_of(picture))
        self.pixels = np.asarray(picture.convert("RGB"))  # (H, W, 3)

    def guides(self, size: tuple[int, int], device: torch.device) -> Guides:
        """Return the regions at the size (width, height) of the picture that is masked."""
        return Guides(self, size, device)


def at_layer(pixels: Tensor, layer: Layer) -> Tensor:
    """Average a map over the pixels of each position of a layer: (1, 1, H, W) to (H', W')."""
    width, height = size_at(layer, (pixels.shape[3], pixels.shape[2]))
    return nn.adaptive_avg_pool2d(pixels, (height, width))[0, 0]


def read_masks(pictures: Pictures) -> tuple[Mask, ...]:
    """Return the content's mask and those of the styles, or nothing if there are none.

    Raises:
        InvalidPicture: a mask has too many colours, or its labels have no counterpart.
    """
    if pictures.content_mask is None:
        return ()
    content = Mask(pictures.content_mask, "content_mask")
    styles = [Mask(picture, "style_mask") for picture in pictures.style_masks]
    labels = frozenset(label for mask in styles for label in mask.areas)
    check_labels(content.field, frozenset(content.areas), labels)
    return (content, *styles)


def check_regions(
    masks: Sequence[Mask], sizes: Sequence[tuple[int, int]], layers: Sequence[Layer]
) -> None:
    """Check that every region has at least one position at every style layer.

    Args:
        masks: from :func:`read_masks`.
        sizes: the width and height at which the content and each style are used.
        layers: the style layers.

    Raises:
        InvalidPicture: naming a region that is too small.
    """
    for mask, size in zip(masks, sizes, strict=False):  # no masks, or one for every picture
        check_areas(mask.field, mask.areas, size, layers)
