"""The part of VGG-19 that the method looks at: conv1_1 to conv5_1, frozen.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", table 1, column E. Features are taken after the ReLU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as nn
from torch import Tensor

#: The convolutions in order. A max pool stands before the first of each block but conv1_1.
LAYERS = (
    "conv1_1", "conv1_2",
    "conv2_1", "conv2_2",
    "conv3_1", "conv3_2", "conv3_3", "conv3_4",
    "conv4_1", "conv4_2", "conv4_3", "conv4_4",
    "conv5_1",
)  # fmt: skip

#: The mean pixel of ImageNet as the network was trained with it, RGB in [0, 1].
IMAGENET_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)


class VGG19:
    """A frozen feature extractor.

    Args:
        weights: ``<layer>.weight`` of shape (out, in, 3, 3) and ``<layer>.bias``
            of shape (out,) for every layer, for input in RGB from 0 to 1 with
            ``mean`` taken off.
        mean: the pixel that the first convolution sees as zero, and so also
            what it sees beyond the picture's border.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        device: torch.device | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        self._mean = torch.tensor(mean, device=self.device).view(1, 3, 1, 1)
        self._convolutions = {
            layer: (
                # channels_last is the layout that convolutions are fastest in.
                weights[f"{layer}.weight"].to(self.device, memory_format=torch.channels_last),
                weights[f"{layer}.bias"].to(self.device),
            )
            for layer in LAYERS
        }

    def features(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """The features of a picture, after the ReLU, by layer.

        Args:
            image: shape (1, 3, H, W), RGB in [0, 1], each side at least 16.
            layers: which layers to give; nothing behind the last is computed.

        Returns:
            For each layer a tensor of shape (1, C, H', W'), H' and W' halved
            (rounded down) by every pool before it.
        """
        wanted = set(layers)
        found: dict[str, Tensor] = {}
        x = (image - self._mean).contiguous(memory_format=torch.channels_last)  # (1, 3, H, W)
        for layer in LAYERS:
            if layer.endswith("_1") and layer != "conv1_1":
                # Departure: the paper found average pooling "slightly more appealing",
                # but the published weights are normalised for max pooling.
                x = nn.max_pool2d(x, 2)
            weight, bias = self._convolutions[layer]
            x = nn.relu(nn.conv2d(x, weight, bias, padding=1))  # (1, C, H', W')
            if layer in wanted:
                found[layer] = x
                if len(found) == len(wanted):
                    break
        return found
