"""Normalisation: the weights of a VGG are scaled so that every filter has a mean activation of 1.

Gatys et al. 2016, section 2: "We normalized the network by scaling the weights
such that the mean activation of each convolutional filter over images and
positions is equal to one. Such re-scaling can be done for the VGG network
without changing its output", because ReLU and pooling commute with a positive
scale, and the next layer takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from core.nst.network.pixels import to_tensor
from core.nst.network.vgg19 import VGG19
from core.params import LAYERS

#: The longer side of the pictures, in pixels.
_CALIBRATION_SIZE = 512


def normalize_activations(
    weights: Mapping[str, Tensor],
    mean: tuple[float, float, float],
    pictures: Sequence[Image.Image],
) -> dict[str, Tensor]:
    """Return the weights of the same network with mean activations of 1 over the pictures.

    Args:
        weights: as for :class:`core.nst.network.vgg19.VGG19`.
        mean: likewise.
        pictures: of mode ``RGB``; at least one.
    """
    activations = mean_activations(VGG19(weights, mean), pictures)
    scaled = {}
    before = torch.ones(3)  # what the layer's input was divided by
    for layer in LAYERS:
        # A filter that never fires cannot be normalised.
        own = activations[layer].where(activations[layer] > 0, torch.tensor(1.0))  # (C,)
        scaled[f"{layer}.weight"] = (
            weights[f"{layer}.weight"] * before.view(1, -1, 1, 1) / own.view(-1, 1, 1, 1)
        )
        scaled[f"{layer}.bias"] = weights[f"{layer}.bias"] / own
        before = own
    return scaled


def mean_activations(network: VGG19, pictures: Sequence[Image.Image]) -> dict[str, Tensor]:
    """Return the mean of each filter over pictures and positions: shape (C,) by layer."""
    sums: dict[str, Tensor] = {}
    for picture in pictures:
        longer = max(picture.size)
        size = tuple(round(side * _CALIBRATION_SIZE / longer) for side in picture.size)
        image = to_tensor(picture, (size[0], size[1]), network.device)
        with torch.no_grad():
            for layer, features in network.features(image, LAYERS).items():
                mean = features.mean(dim=(0, 2, 3)).cpu()  # (C,)
                sums[layer] = sums.get(layer, torch.zeros_like(mean)) + mean
    return {layer: total / len(pictures) for layer, total in sums.items()}
