"""A forward and a backward pass through the network, for large pictures in strips of rows.

What the objective compares are sums over positions, so they can be summed up strip by strip. Only
the inputs of the blocks are kept, and the backward pass computes the features of a strip again:
Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory Cost" (2016), section 3. A
convolution sees one row beyond each edge, so a strip has a halo of as many rows as its block has
convolutions. Losses and gradients are those of the whole picture, but for the rounding of sums. In
8 bits, each strip's gradients have a scale of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from core.nst.network.rows.bands import Bands
from core.nst.network.rows.strips import USUAL_MEMORY, Strip, activations_at_once, block_strips
from core.nst.network.vgg19 import VGG19, deepest
from core.params import LAYERS, Layer


class Part(NamedTuple):
    """Some rows of the features of a layer."""

    layer: Layer
    rows: slice
    #: The part of the layer's rows that these are.
    share: float
    #: Shape (1, C, rows, W).
    F: Tensor


#: Returns the gradient at a part's features: the gradient that the deeper layers send, of the
#: shape of F (None at the deepest; may be overwritten), plus that of the layer's own loss terms.
AddGradient = Callable[[Part, Tensor | None], Tensor]


class _Pixels:
    """The input of the first block, made of the image when it is needed."""

    def __init__(self, network: VGG19, image: Tensor) -> None:
        self._network, self._image = network, image

    def rows(self, rows: slice) -> Tensor:
        """Return some rows."""
        return self._network.normalized(self._image[:, :, rows])

    def free_above(self, row: int) -> None:
        """Keep all: the image belongs to the caller."""


@dataclass(frozen=True)
class _Block:
    """The convolutions between two pools, and what a backward pass needs of them."""

    layers: list[Layer]
    #: The features before the first of them.
    x: Bands | _Pixels
    #: Of x, in rows.
    height: int
    strips: list[Strip]
    #: By layer, if they are kept. Otherwise the backward pass computes them again.
    features: dict[Layer, Tensor] | None

    def steps(self) -> Iterator[tuple[Strip, int]]:
        """Yield each strip, and the first row that the strips after it compute."""
        following = [strip.computed.start for strip in self.strips[1:]]
        return zip(self.strips, [*following, self.height], strict=True)


class Pass:
    """One forward pass, and at most one backward pass after it.

    Autograd gives the same gradient. Written out for this one network, nothing is computed or
    kept that is not needed: gradients that meet at a layer are added in place, and an activation
    is freed as soon as it has been used.

    Args:
        network: the network.
        image: shape (1, 3, H, W), RGB in [0, 1] or in 8 bits, each side at least 16.
        layers: the layers to compare. Deeper layers are not computed.
        memory: of the device, in bytes. The height of the strips follows from it.
        strip: the most activations of a layer in one strip, instead.
    """

    def __init__(
        self,
        network: VGG19,
        image: Tensor,
        layers: Iterable[Layer],
        memory: int = USUAL_MEMORY,
        strip: int | None = None,
    ) -> None:
        self._network = network
        self._layers = set(layers)
        needed = LAYERS[: LAYERS.index(deepest(self._layers)) + 1]
        self._layers_by_block = [
            list(layers) for _, layers in groupby(needed, lambda layer: layer[: len("conv1")])
        ]
        self._image = image
        height, width = image.shape[2:]
        self._strip = strip or activations_at_once(
            height, width, memory, on_gpu=network.device.type != "cpu"
        )
        self._blocks: list[_Block] = []

    def forward(self, *, keep: bool = True) -> Iterator[Part]:
        """Yield the features of the layers to compare, from the first layer on.

        Args:
            keep: keep what the backward pass needs.
        """
        x: Bands | _Pixels = _Pixels(self._network, self._image)
        height, width = self._image.shape[2:]
        for layers in self._layers_by_block:
            strips = block_strips(layers, height, width, self._strip)
            block = _Block(layers, x, height, strips, {} if keep and len(strips) == 1 else None)
            if keep:
                self._blocks.append(block)
            pooled = Bands()
            for strip, following in block.steps():
                for layer, F in self._convolve(block, strip):
                    if layer in self._layers:
                        yield _part(layer, strip, block, F)
                if layers is not self._layers_by_block[-1]:
                    pooled.append(self._network.pool.forward(F[:, :, strip.inner]))
                del F  # otherwise it would stay in memory until the next layer is there
                if not keep:
                    x.free_above(following)
            x, height, width = pooled, height // 2, width // 2

    def backward(self, add_gradient: AddGradient) -> Tensor:
        """Return the gradient with respect to the image, by the chain rule.

        Args:
            add_gradient: adds the gradient of a layer's own loss terms.

        Returns:
            Shape (1, 3, H, W), in float32 or float64.
        """
        gradient: Bands | None = None  # with respect to what the pool makes of the block
        while self._blocks:
            block = self._blocks.pop()
            at_x, unfinished = Bands(), None
            for strip, following in block.steps():
                g = self._backward(block, strip, gradient, add_gradient)
                block.x.free_above(following)
                if gradient is not None:
                    gradient.free_above(strip.own.stop // 2)
                if unfinished is not None:  # the strips before it reach into this one
                    g[:, :, : unfinished.shape[2]] += unfinished
                finished = following - strip.computed.start
                at_x.append(g[:, :, :finished])
                unfinished = g[:, :, finished:]
            gradient = at_x
        assert gradient is not None  # there is a first block, with a strip
        whole = gradient.whole()
        return whole.to(torch.promote_types(whole.dtype, torch.float32))

    def _convolve(self, block: _Block, strip: Strip) -> Iterator[tuple[Layer, Tensor]]:
        """Yield the features of each layer of a strip, wrong in some rows of its halo."""
        F = block.x.rows(strip.computed)
        for layer in block.layers:
            F = self._network.convolutions[layer].forward(F)
            if block.features is not None:
                block.features[layer] = F
            yield layer, F

    def _backward(
        self,
        block: _Block,
        strip: Strip,
        pooled: Bands | None,
        add_gradient: AddGradient,
    ) -> Tensor:
        """Return the gradient with respect to a strip's input that its own rows cause.

        Args:
            block: the block; features that were kept are used up.
            strip: one of its strips.
            pooled: the gradient with respect to what the pool makes of the whole block.
            add_gradient: adds the gradient of a layer's own loss terms.
        """
        features = block.features
        if features is None:
            features = dict(self._convolve(block, strip))
        pool = None if pooled is None else self._network.pool
        g = None if pooled is None else _within(pooled, strip)
        while features:
            layer, F = features.popitem()  # the deepest
            if layer in self._layers:
                if g is not None and pool is not None:
                    g = pool.backward(g, F)
                pool = None
                at_own = None if g is None else g[:, :, strip.inner]
                summed = add_gradient(_part(layer, strip, block, F), at_own)
                if summed.shape == F.shape:
                    g = summed
                elif g is None or at_own is None or summed.data_ptr() != at_own.data_ptr():
                    g = _zeros(F, summed) if g is None else g
                    g[:, :, strip.inner] = summed
            if g is not None:
                g, pool = self._network.convolutions[layer].backward(g, F, pool), None
            del F  # otherwise it would stay in memory until the next layer is done
        assert g is not None  # the deepest layer is compared
        return g


def _part(layer: Layer, strip: Strip, block: _Block, F: Tensor) -> Part:
    share = (strip.own.stop - strip.own.start) / block.height
    return Part(layer, strip.own, share, F[:, :, strip.inner])


def _within(pooled: Bands, strip: Strip) -> Tensor:
    """Return the pooled gradient of a strip: that of its own rows, and 0 in the halo."""
    own = pooled.rows(slice(strip.own.start // 2, strip.own.stop // 2))
    if strip.own == strip.computed:
        return own
    batch, filters, _, width = own.shape
    height = (strip.computed.stop - strip.computed.start) // 2
    whole = torch.zeros(
        (batch, filters, height, width), dtype=own.dtype, device=own.device
    ).contiguous(memory_format=torch.channels_last)
    first = strip.inner.start // 2
    whole[:, :, first : first + own.shape[2]] = own
    return whole


def _zeros(like: Tensor, part: Tensor) -> Tensor:
    """Return zeros of one tensor's shape and layout and another's format."""
    return torch.zeros_like(like, dtype=part.dtype, memory_format=torch.channels_last)
