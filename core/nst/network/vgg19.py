"""VGG-19 from conv1_1 to conv5_1, frozen: the network whose features the paper compares.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
(2015), table 1, column E. Features are taken after the ReLU.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from copy import copy

import torch
from torch import Tensor

from core.nst.network.convolution import Convolution
from core.nst.network.pixels import in_unit_range
from core.nst.network.pooling import make_pool
from core.nst.network.precision import FLOAT32, NumberFormat, make_convolutions
from core.nst.network.tensor_cache import TensorCache
from core.params import LAYERS, Layer, Padding, Pooling

#: The mean pixel of ImageNet that the network was trained with, RGB in [0, 1].
IMAGENET_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)

#: The Gram matrices of one style picture at one scale take 2.3 MiB.
_CACHE_BYTES = 128 * 2**20

#: A job computes in up to three number formats, with one pooling and one padding.
_MAX_VARIANTS = 3


class VGG19:
    """A frozen feature extractor.

    Args:
        weights: ``<layer>.weight`` of shape (out, in, 3, 3) and ``<layer>.bias`` of shape (out,)
            for every layer, for input in RGB from 0 to 1 with ``mean`` subtracted.
        mean: the mean pixel. Zero-padding the first convolution repeats it beyond the border.
        device: the device to compute on; the CPU by default.
        number_format: the number format to compute in.
        pooling: the pools between the blocks. Departure: max by default. The paper found average
            pooling "slightly more appealing", but the weights are normalised for max pooling.
        padding: what lies beyond the border of every convolution's input.
        digest: the SHA-256 of the weights; empty if they did not come from the cache.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        device: torch.device | None = None,
        number_format: NumberFormat = FLOAT32,
        pooling: Pooling = Pooling.MAX,
        padding: Padding = Padding.ZERO,
        digest: str = "",
    ) -> None:
        self.digest = digest
        self.device = device or torch.device("cpu")
        self.number_format = number_format
        self.convolutions = make_convolutions(weights, self.device, number_format, pooling, padding)
        #: Style targets, which many jobs have in common. Shared with the variants.
        self.cache = TensorCache(_CACHE_BYTES)
        self._weights = weights
        self._mean = mean
        self._mean_pixel = torch.tensor(mean, device=self.device).view(1, 3, 1, 1)
        self._pooling, self._padding = pooling, padding
        self.pool = make_pool(pooling)
        #: This network in other number formats, poolings and paddings, by these three, the last
        #: used at the end. Shared.
        self._variants = OrderedDict({(number_format, pooling, padding): self})

    def using(
        self,
        number_format: NumberFormat | None = None,
        pooling: Pooling | None = None,
        padding: Padding | None = None,
    ) -> VGG19:
        """Return the same network with another number format, pooling or padding.

        The variants used last are kept, as many as a job needs. With all packed weights, a
        variant took 51 MiB in float32, 26 in bfloat16 and 64 in 8 bits; twelve took 530 MiB.
        """
        variant = (
            number_format or self.number_format,
            pooling or self._pooling,
            padding or self._padding,
        )
        if variant not in self._variants:
            network = VGG19(self._weights, self._mean, self.device, *variant, self.digest)
            network._variants, network.cache = self._variants, self.cache
            self._variants[variant] = network
        self._variants.move_to_end(variant)
        while len(self._variants) > _MAX_VARIANTS:
            self._variants.popitem(last=False)
        return self._variants[variant]

    def cached(self, key: Hashable, compute: Callable[[], list[Tensor]]) -> list[Tensor]:
        """Return the tensors of a key that this variant has computed; see :class:`TensorCache`."""
        own = (self.number_format, self._pooling, self._padding)
        return self.cache.get_or_compute((own, key), compute)

    @property
    def exact(self) -> VGG19:
        """The same network in float32, or in float64 if this one is."""
        precise = torch.promote_types(self.number_format.dtype, torch.float32)
        return self.using(NumberFormat(precise))

    def with_convolutions(self, convolutions: Mapping[Layer, Convolution]) -> VGG19:
        """Return the same network, computed by other convolutions of the same weights."""
        network = copy(self)
        network.convolutions = dict(convolutions)
        return network

    def features(self, image: Tensor, layers: Iterable[Layer]) -> dict[Layer, Tensor]:
        """Return the features of an image by layer.

        Args:
            image: shape (1, 3, H, W), RGB in [0, 1], each side at least 16.
            layers: the layers to return. Deeper layers are not computed.

        Returns:
            By layer, a tensor of shape (1, C, H', W'): H and W halved, rounding down, by every
            pool before it.
        """
        return dict(self.iterate(image, layers))

    def iterate(self, image: Tensor, layers: Iterable[Layer]) -> Iterator[tuple[Layer, Tensor]]:
        """Yield the features one layer at a time, so that not all are in memory at once."""
        requested = set(layers)
        x = self.normalized(image)
        for layer in LAYERS[: LAYERS.index(deepest(requested)) + 1]:
            if _begins_block(layer):
                x = self.pool.forward(x)  # (1, C, H // 2, W // 2)
            x = self.convolutions[layer].forward(x)  # (1, C, H', W')
            if layer in requested:
                yield layer, x

    def normalized(self, image: Tensor) -> Tensor:
        """Return the input of the first convolution, in the network's number format.

        Args:
            image: shape (1, 3, H, W), RGB in [0, 1], or in 8 bits.
        """
        x = in_unit_range(image) - self._mean_pixel
        return x.to(self.number_format.dtype, memory_format=torch.channels_last)


def deepest(layers: Iterable[Layer]) -> Layer:
    """Return the layer that is furthest from the image."""
    return max(layers, key=LAYERS.index)


def _begins_block(layer: Layer) -> bool:
    """Whether a pool precedes the layer."""
    return layer.endswith("_1") and layer != LAYERS[0]
