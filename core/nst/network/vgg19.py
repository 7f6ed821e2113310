"""The part of VGG-19 that the method looks at: conv1_1 to conv5_1, frozen.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", table 1, column E. Features are taken after the ReLU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from core.nst.network.borders import framed, unframed
from core.nst.network.cache import Memory
from core.nst.network.convolution import Convolution, PackedConvolution
from core.nst.network.int8 import Int8BackConvolution, Int8Convolution, WayBack
from core.nst.network.pooling import AveragePool, MaxPool, Pool
from core.params import LAYERS, Layer, Padding, Pooling

#: The mean pixel of ImageNet as the network was trained with it, RGB in [0, 1].
IMAGENET_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)

#: What the weights after each average pool are multiplied by, so that the layer has the
#: mean activation that it has with max pooling, for which they are normalised. Measured
#: over seven pictures at 256 and 512 pixels. Departure: the paper does not say what it did
#: about that.
AVERAGE_POOL_FACTORS = {"conv2_1": 1.21, "conv3_1": 1.36, "conv4_1": 1.31, "conv5_1": 1.91}

#: In 8 bits, the largest level of a channel stands for so many times its strength; what is
#: beyond is cut off. Measured, of 8 to 36 (bench/README.md).
_REACH = 16

#: A channel that is silent in the content and the styles has levels for a picture in between,
#: where it may not be: as if it had this part of the strength of its layer.
_LEAST = 0.1

#: The Gram matrices of one style picture at one scale are 2.3 MiB.
_MEMORY_BYTES = 128 * 2**20

#: From the features of a layer, and the gradient at them if there is one yet (which may be
#: written over), to the gradient with what the layer is compared for itself.
WithOwn = Callable[[Tensor, Tensor | None], Tensor]


class VGG19:
    """A frozen feature extractor.

    Args:
        weights: ``<layer>.weight`` of shape (out, in, 3, 3) and ``<layer>.bias``
            of shape (out,) for every layer, for input in RGB from 0 to 1 with
            ``mean`` taken off.
        mean: the pixel that the first convolution sees as zero, and so also
            what it sees beyond the picture's border.
        device: where to compute.
        dtype: what to compute in; the features have it too. ``torch.int8`` is bfloat16
            but on the way back, until it is :meth:`calibrated`.
        pooling: between the blocks.
        padding: beyond the border.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        pooling: Pooling = Pooling.MAX,
        padding: Padding = Padding.ZERO,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.dtype = dtype
        self._weights = weights
        self._mean = mean
        self._pooling = pooling
        # Departure: the paper found average pooling "slightly more appealing",
        # but the published weights are normalised for max pooling.
        self._pool: Pool = AveragePool() if pooling is Pooling.AVERAGE else MaxPool()
        self._padding = padding
        self._mean_pixel = torch.tensor(mean, device=self.device).view(1, 3, 1, 1)
        self._features_dtype = torch.bfloat16 if dtype is torch.int8 else dtype
        self._parameters = {layer: self._converted(layer) for layer in LAYERS}
        self._convolutions = {layer: self._convolution(layer) for layer in LAYERS}
        #: Of what this network said about pictures that may come again.
        self.memory = Memory(_MEMORY_BYTES)
        #: Made when first asked for, and shared by all of them.
        self._variants = {(dtype, pooling, padding): self}

    def using(
        self,
        dtype: torch.dtype | None = None,
        pooling: Pooling | None = None,
        padding: Padding | None = None,
    ) -> VGG19:
        """The same network with another number format, pooling or padding."""
        wanted = (dtype or self.dtype, pooling or self._pooling, padding or self._padding)
        if wanted not in self._variants:
            network = VGG19(self._weights, self._mean, self.device, *wanted)
            self._variants[wanted] = network
            network._variants = self._variants
        return self._variants[wanted]

    @property
    def exact(self) -> VGG19:
        """The same network in float32, or better if it is."""
        return self.using(torch.promote_types(self.dtype, torch.float32))

    def calibrated(self, strengths: Mapping[Layer, Tensor], layers: Iterable[Layer]) -> VGG19:
        """The same network with 8 bits between the layers, if it is one in 8 bits.

        Args:
            strengths: of each layer up to the deepest that will be asked for, how strong its
                channels are to be expected, as the root of the mean of squares: (C,).
            layers: which will be asked for.
        """
        if self.dtype is not torch.int8:
            return self
        network = copy(self)
        levels = {layer: _level(strength) for layer, strength in strengths.items()}
        network._convolutions = {LAYERS[0]: self._convolutions[LAYERS[0]]} | {
            layer: Int8Convolution(
                *self._parameters[layer],
                self._border,
                self._ways_back[layer],
                given=levels[before],
                made=None if layer in layers else levels[layer],
            )
            for before, layer in pairwise(levels)
        }
        return network

    def features(self, image: Tensor, layers: Iterable[Layer]) -> dict[Layer, Tensor]:
        """The features of a picture, after the ReLU, by layer.

        Args:
            image: shape (1, 3, H, W), RGB in [0, 1], each side at least 16.
            layers: which layers to give; nothing behind the last is computed.

        Returns:
            For each layer a tensor of shape (1, C, H', W'), H' and W' halved
            (rounded down) by every pool before it.
        """
        return dict(self.layerwise(image, layers))

    def layerwise(self, image: Tensor, layers: Iterable[Layer]) -> Iterator[tuple[Layer, Tensor]]:
        """The same one after the other, the lowest first, for who need not have all at once."""
        wanted = set(layers)
        for layer, x in self.activations(image, wanted):
            if layer in wanted:
                yield layer, x

    def activations(self, image: Tensor, layers: Iterable[Layer]) -> Iterator[tuple[Layer, Tensor]]:
        """What every layer up to the deepest of ``layers`` makes, for :meth:`backward`.

        A layer that 8 bits were chosen for gives levels, if it is none of those that were
        to be asked for.
        """
        x = (image - self._mean_pixel).to(self._features_dtype, memory_format=torch.channels_last)
        last = deepest(layers)
        for layer in LAYERS:
            if _begins_block(layer):
                x = self._pool(x)  # (1, C, H' // 2, W' // 2)
            x = self._convolve(x, layer)  # (1, C, H', W')
            yield layer, x
            if layer == last:
                return

    def backward(self, activations: dict[Layer, Tensor], own: Mapping[Layer, WithOwn]) -> Tensor:
        """The gradient with respect to the picture, by the chain rule.

        Autograd would give the same. For this one network, written out, nothing is
        computed or kept that is not needed: the gradients that meet at a style
        layer are added in place, and an activation is let go as soon as it is used.

        Args:
            activations: of the picture; emptied on the way.
            own: by layer, what adds the gradient that begins at its features.

        Returns:
            Shape (1, 3, H, W), in float32 or better.
        """
        g: Tensor | None = None
        pool = None  # what lies between g and the features at hand
        while activations:
            layer, F = activations.popitem()  # the deepest
            if layer in own:
                g = own[layer](F, g if g is None or pool is None else pool.back(g, F))
                pool = None
            if g is not None:
                g = self._convolve_back(g, layer, F, pool)
                pool = self._pool if _begins_block(layer) else None
            del F  # or it would live until the next layer is done
        if g is None:
            raise ValueError("no layer has a gradient of its own")
        return g.to(torch.promote_types(g.dtype, torch.float32))

    def _converted(self, layer: Layer) -> tuple[Tensor, Tensor]:
        """Weight and bias as they are computed with."""
        weight, bias = self._weights[f"{layer}.weight"], self._weights[f"{layer}.bias"]
        if self._pooling is Pooling.AVERAGE:
            weight = weight * AVERAGE_POOL_FACTORS.get(layer, 1)
        weight = weight.to(self.device, self._features_dtype, memory_format=torch.channels_last)
        return weight, bias.to(self.device, self._features_dtype)

    def _convolution(self, layer: Layer) -> Convolution:
        parameters = self._parameters[layer]
        if self.dtype is not torch.int8:
            return Convolution(*parameters, self._border)
        if layer == LAYERS[0]:
            # What comes to the pixels is what the optimiser sees: it is not rounded once more.
            return PackedConvolution(*parameters, self._border)
        return Int8BackConvolution(*parameters, self._border, self._ways_back[layer])

    @cached_property
    def _ways_back(self) -> dict[Layer, WayBack]:
        return {layer: WayBack.of(self._parameters[layer][0], self._border) for layer in LAYERS[1:]}

    @property
    def _border(self) -> int:
        return 0 if self._padding is Padding.REPLICATE else 1

    def _convolve(self, x: Tensor, layer: Layer) -> Tensor:
        """From the input x of a layer's convolution to the layer's features."""
        if self._padding is Padding.REPLICATE:
            x = framed(x)
        return self._convolutions[layer](x)

    def _convolve_back(self, g: Tensor, layer: Layer, y: Tensor, pool: Pool | None) -> Tensor:
        """From the gradient of features y, or of what their pool made, to their input's."""
        g = self._convolutions[layer].back(g, y, pool)
        return unframed(g) if self._padding is Padding.REPLICATE else g


def deepest(layers: Iterable[Layer]) -> Layer:
    """The one of them that is furthest from the picture."""
    return max(layers, key=LAYERS.index)


def _level(strength: Tensor) -> Tensor:
    """What a level of each channel stands for, shape (C,)."""
    least = _LEAST * strength.square().mean().sqrt()
    return (strength.clamp_min(least) * _REACH / 255).clamp_min(torch.finfo().tiny)


def _begins_block(layer: Layer) -> bool:
    """Whether there is a pool before it."""
    return layer.endswith("_1") and layer != LAYERS[0]
