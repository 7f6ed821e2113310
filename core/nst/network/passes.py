"""A forward and a backward pass through the network, for large pictures in strips of rows.

What the objective compares are sums over positions, so they can be summed up strip by strip. Only
the inputs of the blocks are kept, and the backward pass computes the features of a strip again:
Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory Cost" (2016), section 3. A
convolution sees one row beyond each edge, so a strip has a halo of as many rows as its block has
convolutions. Losses and gradients are those of the whole picture, but for the rounding of sums. In
8 bits, each strip's gradients have a scale of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from core.nst.network.vgg19 import VGG19, deepest
from core.params import LAYERS, Layer

#: The filters of the first block, whose layers have the most activations.
_FILTERS = 64
#: A picture is computed whole if a layer has at most this many activations: 1024 x 1024 pixels.
_WHOLE = _FILTERS * 2**20
#: The most activations of a layer in one strip of a larger picture.
_STRIP = 2**24


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


@dataclass(frozen=True)
class Strip:
    """Rows of a block."""

    #: The rows that belong to no other strip.
    own: slice
    #: The same with the halo.
    computed: slice

    @property
    def inner(self) -> slice:
        """The own rows, counted from the first computed one."""
        start = self.own.start - self.computed.start
        return slice(start, start + self.own.stop - self.own.start)


def strips_of(height: int, rows: int, halo: int) -> list[Strip]:
    """Return the strips of a block.

    Args:
        height: of the block, in rows.
        rows: of each strip; even, so that no pool crosses an edge.
        halo: rows to compute beyond each edge that is not the picture's; even.
    """
    starts = range(0, max(1, height - 1), rows)  # an odd last row joins the strip before it
    edges = [*starts, height]
    return [
        Strip(slice(start, stop), slice(max(0, start - halo), min(height, stop + halo)))
        for start, stop in pairwise(edges)
    ]


@dataclass(frozen=True)
class _Block:
    """The convolutions between two pools, and what a backward pass needs of them."""

    layers: list[Layer]
    #: The features before the first of them, shape (1, C, H, W).
    x: Tensor
    strips: list[Strip]
    #: By layer, if they are kept. Otherwise the backward pass computes them again.
    features: dict[Layer, Tensor] | None


class Pass:
    """One forward pass, and at most one backward pass after it.

    Autograd gives the same gradient. Written out for this one network, nothing is computed or
    kept that is not needed: gradients that meet at a layer are added in place, and an activation
    is freed as soon as it has been used.

    Args:
        network: the network.
        image: shape (1, 3, H, W), RGB in [0, 1], each side at least 16.
        layers: the layers to compare. Deeper layers are not computed.
        strip: the most activations of a layer in one strip. By default a picture of up to
            1024 x 1024 pixels is computed whole.
    """

    def __init__(
        self, network: VGG19, image: Tensor, layers: Iterable[Layer], strip: int | None = None
    ) -> None:
        self._network = network
        self._layers = set(layers)
        needed = LAYERS[: LAYERS.index(deepest(self._layers)) + 1]
        self._layers_by_block = [
            list(layers) for _, layers in groupby(needed, lambda layer: layer[: len("conv1")])
        ]
        self._image = image
        self._strip = strip or _strip_of(image)
        self._blocks: list[_Block] = []

    def forward(self, *, keep: bool = True) -> Iterator[Part]:
        """Yield the features of the layers to compare, from the first layer on.

        Args:
            keep: keep what the backward pass needs.
        """
        x = self._network.normalized(self._image)
        for layers in self._layers_by_block:
            strips = self._strips(layers, x)
            block = _Block(layers, x, strips, {} if keep and len(strips) == 1 else None)
            if keep:
                self._blocks.append(block)
            pooled = []
            for strip in block.strips:
                for layer, F in self._convolve(block, strip):
                    if layer in self._layers:
                        yield _part(layer, strip, block.x, F)
                if layers is not self._layers_by_block[-1]:
                    pooled.append(self._network.pool.forward(F[:, :, strip.inner]))
                del F  # otherwise it would stay in memory until the next layer is there
            if pooled:
                x = torch.cat(pooled, 2) if len(pooled) > 1 else pooled[0]

    def backward(self, add_gradient: AddGradient) -> Tensor:
        """Return the gradient with respect to the image, by the chain rule.

        Args:
            add_gradient: adds the gradient of a layer's own loss terms.

        Returns:
            Shape (1, 3, H, W), in float32 or float64.
        """
        gradient: Tensor | None = None  # with respect to what the pool makes of the block
        while self._blocks:
            block = self._blocks.pop()
            at_x: Tensor | None = None
            for strip in block.strips:
                part = self._backward(block, strip, gradient, add_gradient)
                if len(block.strips) == 1:
                    at_x = part
                else:
                    at_x = _zeros(block.x, part) if at_x is None else at_x
                    at_x[:, :, strip.computed] += part
            gradient = at_x
        assert gradient is not None  # there is a first block, with a strip
        return gradient.to(torch.promote_types(gradient.dtype, torch.float32))

    def _convolve(self, block: _Block, strip: Strip) -> Iterator[tuple[Layer, Tensor]]:
        """Yield the features of each layer of a strip, wrong in some rows of its halo."""
        F = block.x[:, :, strip.computed]
        for layer in block.layers:
            F = self._network.convolutions[layer].forward(F)
            if block.features is not None:
                block.features[layer] = F
            yield layer, F

    def _backward(
        self,
        block: _Block,
        strip: Strip,
        pooled: Tensor | None,
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
                summed = add_gradient(_part(layer, strip, block.x, F), at_own)
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

    def _strips(self, layers: Sequence[Layer], x: Tensor) -> list[Strip]:
        filters = min(_FILTERS * 2 ** (int(layers[0][len("conv")]) - 1), 512)
        rows = self._strip // (filters * x.shape[3])
        halo = len(layers) + len(layers) % 2
        return strips_of(x.shape[2], max(2, rows - rows % 2), halo)


def _part(layer: Layer, strip: Strip, x: Tensor, F: Tensor) -> Part:
    share = (strip.own.stop - strip.own.start) / x.shape[2]
    return Part(layer, strip.own, share, F[:, :, strip.inner])


def _strip_of(image: Tensor) -> int:
    activations = image[0, 0].numel() * _FILTERS
    return _WHOLE if activations <= _WHOLE else _STRIP


def _within(pooled: Tensor, strip: Strip) -> Tensor:
    """Return the pooled gradient of a strip: that of its own rows, and 0 in the halo."""
    own = pooled[:, :, strip.own.start // 2 : strip.own.stop // 2]
    if strip.own == strip.computed:
        return own
    batch, filters, _, width = pooled.shape
    height = (strip.computed.stop - strip.computed.start) // 2
    whole = torch.zeros(
        (batch, filters, height, width), dtype=pooled.dtype, device=pooled.device
    ).contiguous(memory_format=torch.channels_last)
    first = strip.inner.start // 2
    whole[:, :, first : first + own.shape[2]] = own
    return whole


def _zeros(like: Tensor, part: Tensor) -> Tensor:
    """Return zeros of one tensor's shape and layout and another's format."""
    return torch.zeros_like(like, dtype=part.dtype, memory_format=torch.channels_last)
