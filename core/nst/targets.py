"""The targets: the content's features P and the styles' statistics A."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.errors import FieldError, InvalidRequest
from core.nst.network.passes import Part, Pass
from core.nst.network.rows.bands import Bands
from core.nst.network.rows.strips import USUAL_MEMORY, activations_at_once
from core.nst.network.tensor_cache import fingerprint
from core.nst.network.vgg19 import VGG19, deepest
from core.nst.regions import Guides, at_layer
from core.nst.style import FeatureStatistics, statistics
from core.params import LAYERS, Layer, StyleParams
from core.pictures.masks import Label, name_of

#: A layer and a region. Without masks the only region is ``EVERYTHING``.
Key = tuple[Layer, Label]
EVERYTHING: Label = ()
#: The statistics of every style layer and region.
StyleTargets = dict[Key, FeatureStatistics]


@dataclass(frozen=True)
class GuideMap:
    """How much each position of a layer belongs to a region."""

    #: T of the guided statistics, shape (H, W).
    T: Tensor
    #: The part of T's sum in each row, shape (H,), on the CPU.
    rows: Tensor


GuideMaps = Mapping[Key, GuideMap]
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
    P: dict[Layer, Bands]
    #: The statistics of each style.
    styles: tuple[StyleTargets, ...]
    #: The same, blended.
    A: StyleTargets

    def blended(self, weights: Sequence[float]) -> Targets:
        """Return the targets with another blend of the styles.

        Args:
            weights: one for each style. They sum to 1.

        Raises:
            InvalidRequest: no weight goes to the style pictures that have a region.
        """
        return replace(self, A=_blend(self.styles, weights))


@dataclass(frozen=True)
class TargetPictures:
    """The pictures that targets are computed from.

    Attributes:
        content: shape (1, 3, H, W), RGB in [0, 1] or in 8 bits.
        styles: each of shape (1, 3, H', W'), of any size, likewise.
        params: gives the layers and the blend.
        masks: the regions, if any.
        memory: see :class:`core.nst.network.passes.Pass`.
    """

    content: Tensor
    styles: Sequence[Tensor]
    params: StyleParams
    masks: Masks | None
    memory: int = USUAL_MEMORY

    def exact(self, network: VGG19) -> tuple[Targets, ChannelRms]:
        """Return the targets in float32, and for every channel its largest RMS in any picture.

        What a style picture gives is cached on the network, because many jobs share a style.
        """
        network = network.exact
        P: dict[Layer, Bands] = {}
        rms: ChannelRms = {}
        for part in self._features(network, self.content, self._layers_to_deepest()):
            _add_channel_rms(rms, part)
            if part.layer in self.params.content_layers:
                P.setdefault(part.layer, Bands()).append(part.F)
        found = []
        for style, guides in zip(self.styles, self._style_guides(), strict=True):
            style_statistics, style_rms = self._cached(network, style, guides)
            found.append(style_statistics)
            for layer, largest in style_rms.items():
                rms[layer] = torch.maximum(rms[layer], largest)
        return self._targets(network, P, found), rms

    def computed_by(self, network: VGG19) -> Targets:
        """Return the targets as a network of another number format computes them."""
        found = []
        for style, guides in zip(self.styles, self._style_guides(), strict=True):
            style_statistics: StyleTargets = {}
            for part in self._features(network, style, self.params.style_layers):
                add_statistics(style_statistics, part, guides)
            found.append(style_statistics)
        return self._targets(network, self.content_features(network), found)

    def content_features(self, network: VGG19) -> dict[Layer, Bands]:
        """Return the content's features by layer, as a network computes them."""
        P: dict[Layer, Bands] = {}
        for part in self._features(network, self.content, self.params.content_layers):
            P.setdefault(part.layer, Bands()).append(part.F)
        return P

    def _features(self, network: VGG19, image: Tensor, layers: Iterable[Layer]) -> Iterator[Part]:
        return Pass(network, image, layers, self.memory).forward(keep=False)

    def _targets(
        self, network: VGG19, P: dict[Layer, Bands], found: Sequence[StyleTargets]
    ) -> Targets:
        blend = _blend(found, self.params.blend_weights(len(self.styles)))
        return Targets(network, P, tuple(found), blend)

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
            for part in self._features(network, style, layers):
                _add_channel_rms(rms, part)
                if part.layer in style_layers:
                    add_statistics(found, part, guides)
            return [
                *(each for key in keys for each in found[key]),
                *(rms[layer] for layer in layers),
            ]

        maps = [guide.T for guide in guides.values()] if guides else []
        digest = fingerprint([style, *maps])
        on_gpu = network.device.type != "cpu"
        height, width = style.shape[2:]
        strips = activations_at_once(height, width, self.memory, on_gpu=on_gpu)
        tensors = network.cached((digest, *keys, *layers, strips), compute)
        return (
            {key: FeatureStatistics(*tensors[2 * n : 2 * n + 2]) for n, key in enumerate(keys)},
            dict(zip(layers, tensors[2 * len(keys) :], strict=True)),
        )

    def _layers_to_deepest(self) -> list[Layer]:
        """All layers up to the deepest one that is compared."""
        last = deepest([*self.params.content_layers, *self.params.style_layers])
        return list(LAYERS[: LAYERS.index(last) + 1])

    def _style_guides(self) -> Iterator[GuideMaps | None]:
        """Yield the maps of each style picture, so that those of one are in memory at a time."""
        masks = [None] * len(self.styles) if self.masks is None else self.masks.styles
        for guides in masks:
            yield None if guides is None else guide_maps(guides, self.params.style_layers)


def guide_maps(guides: Guides, layers: Sequence[Layer]) -> GuideMaps:
    """Return how much each position of each layer belongs to each region."""
    maps = {}
    for label in guides.areas:
        region = guides.region(label)
        for layer in layers:
            T = at_layer(region, layer)
            rows = T.cpu().sum(1, dtype=torch.float64)  # the GPU of a Mac has no float64
            maps[layer, label] = GuideMap(T, rows / rows.sum())
    return maps


def regions_at(part: Part, guides: GuideMaps | None) -> Iterator[tuple[Key, Tensor | None, float]]:
    """Yield the regions in a part of a style layer, T there, and how much of the region is there.

    Without guides the whole picture is the only region, and T is None.
    """
    if guides is None:
        yield (part.layer, EVERYTHING), None, part.share
        return
    for key, guide in guides.items():
        share = 1.0 if part.share == 1 else float(guide.rows[part.rows].sum())
        if key[0] == part.layer and share:
            yield key, guide.T[part.rows], share


def add_statistics(found: StyleTargets, part: Part, guides: GuideMaps | None) -> None:
    """Add the statistics of a part of a style layer to those of the parts before it."""
    for key, T, share in regions_at(part, guides):
        S = statistics(part.F, T)
        weighted = FeatureStatistics(share * S.gram, share * S.mean)
        found[key] = _sum(found[key], weighted) if key in found else weighted


def _blend(styles: Sequence[StyleTargets], weights: Sequence[float]) -> StyleTargets:
    """The weighted mean of the styles' statistics, region by region.

    Those are the statistics of all pictures side by side, each with an area of its weight.
    """
    sums: StyleTargets = {}
    totals: dict[Key, float] = {}
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


def _add_channel_rms(rms: ChannelRms, part: Part) -> None:
    # A norm, because squares would take as much memory as F.
    norm = torch.linalg.vector_norm(part.F, dim=(0, 2, 3))  # (C,)
    own = norm / math.sqrt(part.F[0, 0].numel() / part.share)
    rms[part.layer] = torch.hypot(rms[part.layer], own) if part.layer in rms else own


def _sum(S: FeatureStatistics, other: FeatureStatistics) -> FeatureStatistics:
    return FeatureStatistics(S.gram + other.gram, S.mean + other.mean)
