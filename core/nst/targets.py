"""The targets: the content's features P and the styles' Gram matrices A."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import FieldError, InvalidRequest
from core.nst.losses import gram, guided_gram
from core.nst.network.tensor_cache import fingerprint
from core.nst.network.vgg19 import VGG19, deepest
from core.nst.regions import Guides
from core.params import LAYERS, Layer, StyleParams
from core.pictures.masks import Label, name_of

#: A layer and a region. Without masks the only region is ``EVERYTHING``.
Key = tuple[Layer, Label]
EVERYTHING: Label = ()
#: Gram matrices, each of shape (C, C).
Grams = dict[Key, Tensor]
#: T of the guided Gram matrices: how much each position of a layer belongs to a region, (H, W).
GuideMaps = Mapping[Key, Tensor]
#: The root mean square of every channel of a layer, shape (C,).
ChannelRms = dict[Layer, Tensor]


@dataclass(frozen=True)
class Masks:
    """The regions of the content and of each style picture."""

    content: Guides
    styles: tuple[Guides, ...]


@dataclass(frozen=True)
class Targets:
    """The targets as one network computes them."""

    network: VGG19
    #: The content's features by layer.
    P: dict[Layer, Tensor]
    #: The styles' Gram matrices, blended.
    A: Grams


@dataclass(frozen=True)
class TargetPictures:
    """The pictures that targets are computed from.

    Attributes:
        content: shape (1, 3, H, W), RGB in [0, 1].
        styles: each of shape (1, 3, H', W'), of any size.
        params: gives the layers and the blend.
        masks: the regions, if any.
    """

    content: Tensor
    styles: Sequence[Tensor]
    params: StyleParams
    masks: Masks | None

    def exact(self, network: VGG19) -> tuple[Targets, ChannelRms]:
        """Return the targets in float32, and for every channel its largest RMS in any picture.

        What a style picture gives is cached on the network, because many jobs share a style.
        """
        network = network.exact
        P, rms = {}, {}
        for layer, F in network.iterate(self.content, self._layers_to_deepest()):
            rms[layer] = _channel_rms(F)
            if layer in self.params.content_layers:
                P[layer] = F
        grams = []
        for style, guides in zip(self.styles, self._style_guides(), strict=True):
            style_grams, style_rms = self._cached(network, style, guides)
            grams.append(style_grams)
            for layer, largest in style_rms.items():
                rms[layer] = torch.maximum(rms[layer], largest)
        return Targets(network, P, self._blend(grams)), rms

    def computed_by(self, network: VGG19) -> Targets:
        """Return the targets as a network of another number format computes them."""
        P = network.features(self.content, self.params.content_layers)
        grams = []
        for style, guides in zip(self.styles, self._style_guides(), strict=True):
            style_grams: Grams = {}
            for layer, F in network.iterate(style, self.params.style_layers):
                style_grams |= grams_at(layer, F, guides)
            grams.append(style_grams)
        return Targets(network, P, self._blend(grams))

    def _cached(
        self, network: VGG19, style: Tensor, guides: GuideMaps | None
    ) -> tuple[Grams, ChannelRms]:
        """The Gram matrices and channel RMS of one style picture."""
        style_layers = self.params.style_layers
        keys = [(layer, EVERYTHING) for layer in style_layers] if guides is None else list(guides)
        layers = self._layers_to_deepest()

        def compute() -> list[Tensor]:
            grams: Grams = {}
            rms: ChannelRms = {}
            for layer, F in network.iterate(style, layers):
                rms[layer] = _channel_rms(F)
                if layer in style_layers:
                    grams |= grams_at(layer, F, guides)
            return [*(grams[key] for key in keys), *(rms[layer] for layer in layers)]

        digest = fingerprint([style, *(guides.values() if guides else ())])
        tensors = network.cache.get_or_compute((digest, *keys, *layers), compute)
        return (
            dict(zip(keys, tensors[: len(keys)], strict=True)),
            dict(zip(layers, tensors[len(keys) :], strict=True)),
        )

    def _layers_to_deepest(self) -> list[Layer]:
        """All layers up to the deepest one that is compared."""
        last = deepest([*self.params.content_layers, *self.params.style_layers])
        return list(LAYERS[: LAYERS.index(last) + 1])

    def _style_guides(self) -> list[GuideMaps | None]:
        if self.masks is None:
            return [None for _ in self.styles]
        return [guide_maps(guides, self.params.style_layers) for guides in self.masks.styles]

    def _blend(self, grams: Sequence[Grams]) -> Grams:
        """The weighted mean of the styles' Gram matrices, region by region."""
        sums: Grams = {}
        totals: dict[Key, float] = {}
        weights = self.params.blend_weights(len(self.styles))
        for style_grams, weight in zip(grams, weights, strict=True):
            for key, matrix in style_grams.items():
                sums[key] = sums.get(key, torch.zeros_like(matrix)) + weight * matrix
                totals[key] = totals.get(key, 0) + weight
        for (_, label), total in totals.items():
            if not total:
                name = name_of(label)
                message = f"gives no weight to the style pictures that have the region {name}"
                raise InvalidRequest([FieldError("style_blend", message)])
        # A style picture without a region has no part in the region's target.
        return {key: matrix / totals[key] for key, matrix in sums.items()}


def guide_maps(guides: Guides, layers: Sequence[Layer]) -> GuideMaps:
    """Return how much each position of each layer belongs to each region."""
    return {(layer, label): guides.at(label, layer) for layer in layers for label in guides.regions}


def grams_at(layer: Layer, F: Tensor, guides: GuideMaps | None) -> Grams:
    """Return the Gram matrices of a style layer's features, shape (1, C, H, W), by region."""
    if guides is None:
        return {(layer, EVERYTHING): gram(F)}
    return {key: guided_gram(F, guide) for key, guide in guides.items() if key[0] == layer}


def _channel_rms(F: Tensor) -> Tensor:
    # A norm, because squares would take as much memory as F.
    norm: Tensor = torch.linalg.vector_norm(F, dim=(0, 2, 3))  # (C,)
    return norm / math.sqrt(F[0, 0].numel())
