"""What the objective aims at: the content's features and the styles' Gram matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import FieldError, InvalidRequest
from core.nst.losses import gram, guided_gram
from core.nst.network.cache import fingerprint
from core.nst.network.vgg19 import VGG19, deepest
from core.nst.regions import Guides
from core.params import LAYERS, Layer, StyleParams
from core.pictures.masks import Label, name_of

#: A layer and a region; without masks there is one region, ``EVERYTHING``.
Key = tuple[Layer, Label]
EVERYTHING: Label = ()
Grams = dict[Key, Tensor]
#: How much each position of a layer belongs to a region, by both.
Belonging = Mapping[Key, Tensor]
#: How strong each channel of a layer is: the root of the mean of squares, (C,).
Strengths = dict[Layer, Tensor]


@dataclass(frozen=True)
class Masks:
    """The regions of the content and of each style picture."""

    content: Guides
    styles: tuple[Guides, ...]


@dataclass(frozen=True)
class Targets:
    """What is aimed at, as one network sees it."""

    network: VGG19
    #: The content's features.
    P: dict[Layer, Tensor]
    #: The blend of the styles' Gram matrices, region by region.
    A: Grams


@dataclass(frozen=True)
class Subject:
    """The pictures to aim at.

    Attributes:
        content: shape (1, 3, H, W), RGB in [0, 1].
        styles: each of shape (1, 3, H', W'), of any size.
        params: gives the layers and the blend.
        masks: regions, if any.
    """

    content: Tensor
    styles: Sequence[Tensor]
    params: StyleParams
    masks: Masks | None

    def exactly(self, network: VGG19) -> tuple[Targets, Strengths]:
        """The targets in float32, and how strong every channel is in any of the pictures.

        Of style pictures the network remembers what it saw, because many jobs have the same.
        """
        network = network.exact
        P, strongest = {}, {}
        for layer, F in network.layerwise(self.content, self._looked_through()):
            strongest[layer] = _strength(F)
            if layer in self.params.content_layers:
                P[layer] = F
        seen = []
        for style, T in zip(self.styles, self._belongings(), strict=True):
            grams, strengths = self._recalled(network, style, T)
            seen.append(grams)
            for layer, strength in strengths.items():
                strongest[layer] = torch.maximum(strongest[layer], strength)
        return Targets(network, P, self._blended(seen)), strongest

    def through(self, network: VGG19) -> Targets:
        """The targets as a network sees them."""
        P = network.features(self.content, self.params.content_layers)
        seen = []
        for style, T in zip(self.styles, self._belongings(), strict=True):
            grams: Grams = {}
            for layer, F in network.layerwise(style, self.params.style_layers):
                grams |= grams_at(layer, F, T)
            seen.append(grams)
        return Targets(network, P, self._blended(seen))

    def _recalled(
        self, network: VGG19, style: Tensor, T: Belonging | None
    ) -> tuple[Grams, Strengths]:
        keys = [(layer, EVERYTHING) for layer in self.params.style_layers] if T is None else list(T)
        layers = self._looked_through()

        def looked() -> list[Tensor]:
            grams: Grams = {}
            strengths: Strengths = {}
            for layer, F in network.layerwise(style, layers):
                strengths[layer] = _strength(F)
                if layer in self.params.style_layers:
                    grams |= grams_at(layer, F, T)
            return [*(grams[key] for key in keys), *(strengths[layer] for layer in layers)]

        seen = fingerprint([style, *(T.values() if T else ())])
        answer = network.memory.recall((seen, *keys, *layers), looked)
        return (
            dict(zip(keys, answer[: len(keys)], strict=True)),
            dict(zip(layers, answer[len(keys) :], strict=True)),
        )

    def _looked_through(self) -> list[Layer]:
        """All layers up to the deepest that counts."""
        last = deepest([*self.params.content_layers, *self.params.style_layers])
        return list(LAYERS[: LAYERS.index(last) + 1])

    def _belongings(self) -> list[Belonging | None]:
        """How the styles' positions belong to regions."""
        if self.masks is None:
            return [None for _ in self.styles]
        return [belonging(guides, self.params.style_layers) for guides in self.masks.styles]

    def _blended(self, seen: Sequence[Grams]) -> Grams:
        """The blend of the styles' Gram matrices, region by region."""
        sums: Grams = {}
        totals: dict[Key, float] = {}
        blend = self.params.blend_weights(len(self.styles))
        for grams, weight in zip(seen, blend, strict=True):
            for key, matrix in grams.items():
                sums[key] = sums.get(key, torch.zeros_like(matrix)) + weight * matrix
                totals[key] = totals.get(key, 0) + weight
        for (_, label), total in totals.items():
            if not total:
                name = name_of(label)
                message = f"gives no weight to the style pictures that have the region {name}"
                raise InvalidRequest([FieldError("style_blend", message)])
        # A style picture that lacks a region has no say in it.
        return {key: matrix / totals[key] for key, matrix in sums.items()}


def belonging(guides: Guides, layers: Sequence[Layer]) -> Belonging:
    """How much each position of each layer belongs to each region."""
    return {(layer, label): guides.at(label, layer) for layer in layers for label in guides.regions}


def grams_at(layer: Layer, F: Tensor, T: Belonging | None) -> Grams:
    """The Gram matrices of a style layer's features, by region."""
    if T is None:
        return {(layer, EVERYTHING): gram(F)}
    return {key: guided_gram(F, guide) for key, guide in T.items() if key[0] == layer}


def _strength(F: Tensor) -> Tensor:
    # Not by squares, which would take as much memory as F.
    norm: Tensor = torch.linalg.vector_norm(F, dim=(0, 2, 3))
    return norm / math.sqrt(F[0, 0].numel())
