"""Masks: which part of the content takes its style from which part of a style picture.

Gatys, Ecker, Bethge, Hertzmann and Shechtman 2017, "Controlling Perceptual Factors
in Neural Style Transfer", section 4. A mask is a picture in flat colours; each
colour is a label, and the content's region of a label is painted like the style
pictures' regions of the same label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as nn
from PIL import Image
from torch import Tensor

from core.errors import FieldError, InvalidRequest
from core.params import LEAST_POSITIONS, MAX_REGIONS, Layer, size_at


@dataclass(frozen=True)
class Guides:
    """The regions of one picture at one size."""

    #: What to call the mask in an error: its form field.
    field: str
    #: By label, such as ``#ff0000``: 1 inside the region and 0 outside, (1, 1, H, W).
    regions: dict[str, Tensor]

    def at(self, label: str, layer: Layer) -> Tensor:
        """How much each position of a layer belongs to a region: shape (H', W'), 0 to 1.

        Args:
            label: of the region.
            layer: its name.

        Raises:
            InvalidRequest: hardly any position does.
        """
        region = self.regions[label]
        width, height = size_at(layer, (region.shape[3], region.shape[2]))
        guide = nn.adaptive_avg_pool2d(region, (height, width))[0, 0]
        if float(guide.sum()) < LEAST_POSITIONS:
            raise InvalidRequest(
                [
                    FieldError(
                        self.field,
                        f"the region {label} is too small to be seen at {layer}; "
                        "enlarge it, leave it out, or ask for a larger size",
                    )
                ]
            )
        return guide


def read_mask(mask: Image.Image, size: tuple[int, int], field: str, device: torch.device) -> Guides:
    """The regions of a mask, at the size (width, height) that its picture is used at.

    Raises:
        InvalidRequest: the mask has too many colours.
    """
    resized = mask.convert("RGB").resize(size, Image.Resampling.NEAREST)
    pixels = np.asarray(resized).astype(np.int64)  # (H, W, 3)
    codes = pixels @ np.array([65536, 256, 1])  # (H, W)
    labels = np.unique(codes)
    if len(labels) > MAX_REGIONS:
        raise InvalidRequest(
            [
                FieldError(
                    field,
                    f"has {len(labels)} colours; expected at most {MAX_REGIONS} flat ones, "
                    "one per region. Save it as PNG, without smoothing",
                )
            ]
        )
    return Guides(
        field,
        {
            f"#{label:06x}": torch.from_numpy(codes == label).float().to(device)[None, None]
            for label in labels
        },
    )


def check_labels(content: Guides, styles: Sequence[Guides]) -> None:
    """See that both sides have the same labels.

    Raises:
        InvalidRequest: naming a label that only one side has.
    """
    painted = set(content.regions)
    offered = {label for style in styles for label in style.regions}
    if missing := sorted(painted - offered):
        raise InvalidRequest(
            [FieldError("style_mask", f"has no region {missing[0]}, which content_mask has")]
        )
    if unused := sorted(offered - painted):
        raise InvalidRequest(
            [FieldError("content_mask", f"has no region {unused[0]}, which style_mask has")]
        )
