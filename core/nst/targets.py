"""The targets: the content's features P and the styles' statistics A."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import FieldError, InvalidRequest
from core.nst.network.tensor_cache import fingerprint
from core.nst.network.vgg19 import VGG19, deepest
from core.nst.regions import Guides
from core.nst.style import FeatureStatistics, statistics
from core.params import LAYERS, Layer, StyleParams
from core.pictures.masks import Label, name_of

#: A layer and a region. Without masks the only region is ``EVERYTHING``.
Key = tuple[Layer, Label]
EVERYTHING: Label = ()
#: The statistics of every style layer and region.
StyleTargets = dict[Key, FeatureStatistics]
#: T of the guided statistics: how much each position of a layer belongs to a region, (H, W).
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
    #: The styles' statistics, blended.
    A: StyleTargets


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
        found = []
        for style, guides in zip(self.styles, self._style_guides(), strict=True):
            style_statistics, style_rms = self._cached(network, style, guides)
            found.append(style_statistics)
            for layer, largest in style_rms.items():
                rms[layer] = torch.maximum(rms[layer], largest)
        return Targets(network, P, self._blend(found)), rms

    def computed_by(self, network: VGG19) -> Targets:
        """Return the targets as a network of another number format computes them."""
        P = network.features(self.content, self.params.content_layers)
        found = []
        for style, guides in zip(self.styles, self._style_guides(), strict=True):
            style_statistics: StyleTargets = {}
            for layer, F in network.iterate(style, self.params.style_layers):
                style_statistics |= statistics_at(layer, F, guides)
            found.append(style_statistics)
        return Targets(network, P, self._blend(found))

    def _cached(
        self, network: VGG19, style: Tensor, guides: GuideMaps | None
    ) -> tuple[StyleTargets, ChannelRms]:
        """The statistics and channel RMS of one style picture."""
        style_layers = self.params.style_layers
        keys = [(layer, EVERYTHING) for layer in style_layers] if guides is None else list(guides)
        layers = self._layers_to_deepest()

        def compute() -> list[Tensor]:
            found: StyleTargets = {}
            rms: ChannelRms = {}
            for layer, F in network.iterate(style, layers):
                rms[layer] = _channel_rms(F)
                if layer in style_layers:
                    found |= statistics_at(layer, F, guides)
            return [
                *(each for key in keys for each in found[key]),
                *(rms[layer] for layer in layers),
            ]

        digest = fingerprint([style, *(guides.values() if guides else ())])
        tensors = network.cached((digest, *keys, *layers), compute)
        return (
            {key: FeatureStatistics(*tensors[2 * n : 2 * n + 2]) for n, key in enumerate(keys)},
            dict(zip(layers, tensors[2 * len(keys) :], strict=True)),
        )

    def _layers_to_deepest(self) -> list[Layer]:
        """All layers up to the deepest one that is compared."""
        last = deepest([*self.params.content_layers, *self.params.style_layers])
        return list(LAYERS[: LAYERS.index(last) + 1])

    def _style_guides(self) -> list[GuideMaps | None]:
        if self.masks is None:
            return [None for _ in self.styles]
        return [guide_maps(guides, self.params.style_layers) for guides in self.masks.styles]

    def _blend(self, styles: Sequence[StyleTargets]) -> StyleTargets:
        """The weighted mean of the styles' statistics, region by region.

        Those are the statistics of all pictures side by side, each with an area of its weight.
        """
        sums: StyleTargets = {}
        totals: dict[Key, float] = {}
        weights = self.params.blend_weights(len(self.styles))
        for style_statistics, weight in zip(styles, weights, strict=True):
            for key, own in style_statistics.items():
                weighted = FeatureStatistics(weight * own.gram, weight * own.mean)
                sums[key] = _sum(sums[key], weighted) if key in sums else weighted
                totals[key] = totals.get(key, 0) + weight
        for (_, label), total in totals.items():
            if not total:
                name = name_of(label)
                message = f"gives no weight to the style pictures that have the region {name}"
                raise InvalidRequest([FieldError("style_blend", message)])
        # A style picture without a region has no part in the region's target.
        return {
            key: FeatureStatistics(S.gram / totals[key], S.mean / totals[key])
            for key, S in sums.items()
        }


def guide_maps(guides: Guides, layers: Sequence[Layer]) -> GuideMaps:
    """Return how much each position of each layer belongs to each region."""
    return {(layer, label): guides.at(label, layer) for layer in layers for label in guides.regions}


def statistics_at(layer: Layer, F: Tensor, guides: GuideMaps | None) -> StyleTargets:
    """Return the statistics of a style layer's features, shape (1, C, H, W), by region."""
    if guides is None:
        return {(layer, EVERYTHING): statistics(F)}
    return {key: statistics(F, guide) for key, guide in guides.items() if key[0] == layer}


def _channel_rms(F: Tensor) -> Tensor:
    # A norm, because squares would take as much memory as F.
    norm: Tensor = torch.linalg.vector_norm(F, dim=(0, 2, 3))  # (C,)
    return norm / math.sqrt(F[0, 0].numel())


def _sum(S: FeatureStatistics, other: FeatureStatistics) -> FeatureStatistics:
    return FeatureStatistics(S.gram + other.gram, S.mean + other.mean)
