"""What is minimised: alpha * content + beta * style (paper, eq. 7) + gamma * tv."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import FieldError, InvalidRequest
from core.labels import Label, name_of
from core.nst.losses import content_loss, gram, guided_gram, style_loss, tv_loss
from core.nst.memory import fingerprint
from core.nst.regions import Guides
from core.nst.vgg import VGG19
from core.params import Layer, StyleParams

#: A layer and a region; without masks there is one region, ``EVERYTHING``.
Key = tuple[Layer, Label]
EVERYTHING: Label = ()
Grams = dict[Key, Tensor]

#: What the objective looks at: of a layer and a region the Gram matrix, and of a layer
#: alone how far its features are from the content's.
Compared = dict[Key | Layer, Tensor]


@dataclass(frozen=True)
class LossTerms:
    """The objective at one picture: tensors without a dimension, on the device.

    They stay there until somebody calls ``float`` on one, because on a GPU that
    waits for everything that has been asked for so far.
    """

    total: Tensor
    content: Tensor
    style: Tensor
    tv: Tensor

    def detach(self) -> LossTerms:
        """The same numbers, free of the graph that made them."""
        return LossTerms(*(term.detach() for term in vars(self).values()))


@dataclass(frozen=True)
class Masks:
    """The regions of the content and of each style picture."""

    content: Guides
    styles: tuple[Guides, ...]


class Objective:
    """The objective for one content picture and its styles, targets computed once.

    Args:
        network: whose features are compared.
        content: shape (1, 3, H, W), RGB in [0, 1].
        styles: each of shape (1, 3, H', W'), of any size. Their Gram matrices
            are blended.
        params: gives the layers and all weights.
        masks: regions, if any.
    """

    def __init__(
        self,
        network: VGG19,
        content: Tensor,
        styles: Sequence[Tensor],
        params: StyleParams,
        masks: Masks | None = None,
    ) -> None:
        self._network = network
        self._params = params
        self._masks = masks
        with torch.no_grad():
            # Whatever the steps are computed in, what they aim at is exact.
            self._P = network.exact.features(content, params.content_layers)
            self._A = self._style_targets(styles)
            self._T = self._guides(masks.content) if masks else None
        self._weights = self._region_weights()

    def in_float32(self) -> Objective:
        """The same objective, computed in float32."""
        exact = copy(self)
        exact._network = self._network.exact
        return exact

    def with_content(self, times: float) -> Objective:
        """The same objective with so many times the weight of the content."""
        heavier = copy(self)
        weight = times * self._params.content_weight
        heavier._params = self._params.model_copy(update={"content_weight": weight})
        return heavier

    def content_power(self) -> float:
        """What the content term would be of features that are all 0: the mean of P^2."""
        return float(_mean(content_loss(torch.zeros_like(P), P) for P in self._P.values()))

    def __call__(self, image: Tensor) -> LossTerms:
        """The terms at a picture of shape (1, 3, H, W)."""
        compared: Compared = {}
        for layer, F in self._network.layerwise(image, self._layers):
            compared |= self._compared(layer, F)
            del F  # or it would live until the next one is there
        return self._terms(compared, image)

    def _compared(self, layer: Layer, F: Tensor) -> Compared:
        """What counts of a layer's features."""
        compared: Compared = {}
        if layer in self._P:
            compared[layer] = content_loss(F, self._P[layer])
        for key, G in self._grams(layer, F, self._T).items():
            compared[key] = G
        return compared

    def _terms(self, compared: Compared, image: Tensor) -> LossTerms:
        params = self._params
        content = _mean(compared[layer] for layer in params.content_layers)
        style = style_loss(
            (weight, compared[key], self._A[key]) for key, weight in self._weights.items()
        )
        tv = tv_loss(image)
        total = (
            params.content_weight * content + params.style_weight * style + params.tv_weight * tv
        )
        return LossTerms(total, content, style, tv)

    def at(self, image: Tensor) -> LossTerms:
        """The terms at a picture, grey or not, without a gradient."""
        with torch.no_grad():
            return self(image.expand(-1, 3, -1, -1))

    def with_gradient(self, image: Tensor) -> tuple[LossTerms, Tensor]:
        """The terms, and the gradient of the total, of the image's shape.

        Args:
            image: shape (1, 3, H, W), or (1, 1, H, W) for a grey picture.
        """
        with torch.no_grad():
            activations = self._network.activations(image.expand(-1, 3, -1, -1), self._layers)
        # The graph is cut at what is compared: each layer's part of it, and with it the
        # layer's features, can be let go as soon as the way back has passed them.
        F = {layer: activations[layer].detach().requires_grad_() for layer in self._layers}
        parts = {layer: self._compared(layer, F[layer]) for layer in F}
        compared = {
            key: tensor.detach().requires_grad_()
            for part in parts.values()
            for key, tensor in part.items()
        }
        image = image.detach().requires_grad_()
        loss = self._terms(compared, image)
        gradient, *at_compared = torch.autograd.grad(loss.total, [image, *compared.values()])
        slopes = dict(zip(compared, at_compared, strict=True))

        def gradient_at(layer: Layer) -> Tensor | None:
            if layer not in parts:
                return None
            part = parts.pop(layer)
            given = [slopes[key] for key in part]
            return torch.autograd.grad(list(part.values()), F.pop(layer), given)[0]

        through_network = self._network.backward(activations, gradient_at)
        if image.shape[1] == 1:
            through_network = through_network.sum(1, keepdim=True)
        # Sums depend on the order of memory, so that order is always the same.
        return loss.detach(), (through_network + gradient).contiguous()

    @property
    def _layers(self) -> set[Layer]:
        return {*self._params.content_layers, *self._params.style_layers}

    def _grams(self, layer: Layer, F: Tensor, T: Mapping[Key, Tensor] | None) -> Grams:
        """The Gram matrices at one layer, by region; none where only the content is compared."""
        if T is None:
            return {(layer, EVERYTHING): gram(F)} if layer in self._params.style_layers else {}
        return {key: guided_gram(F, guide) for key, guide in T.items() if key[0] == layer}

    def _guides(self, guides: Guides) -> dict[Key, Tensor]:
        """How much each position of each layer belongs to each region."""
        return {
            (layer, label): guides.at(label, layer)
            for layer in self._params.style_layers
            for label in guides.regions
        }

    def _style_targets(self, styles: Sequence[Tensor]) -> Grams:
        """The blend of the styles' Gram matrices, region by region."""
        sums: Grams = {}
        totals: dict[Key, float] = {}
        blend = self._params.blend_weights(len(styles))
        for number, (style, weight) in enumerate(zip(styles, blend, strict=True)):
            T = self._guides(self._masks.styles[number]) if self._masks else None
            for key, matrix in self._grams_of(style, T).items():
                sums[key] = sums.get(key, torch.zeros_like(matrix)) + weight * matrix
                totals[key] = totals.get(key, 0) + weight
        for (_, label), total in totals.items():
            if not total:
                name = name_of(label)
                message = f"gives no weight to the style pictures that have the region {name}"
                raise InvalidRequest([FieldError("style_blend", message)])
        # A style picture that lacks a region has no say in it.
        return {key: matrix / totals[key] for key, matrix in sums.items()}

    def _grams_of(self, style: Tensor, T: Mapping[Key, Tensor] | None) -> Grams:
        """The Gram matrices of a style picture: many jobs have the same one."""
        layers = self._params.style_layers
        keys = [(layer, EVERYTHING) for layer in layers] if T is None else list(T)
        exact = self._network.exact

        def computed() -> list[Tensor]:
            grams: Grams = {}
            for layer, F in exact.layerwise(style, layers):
                grams |= self._grams(layer, F, T)
            return [grams[key] for key in keys]

        seen = fingerprint([style, *(T.values() if T else ())])
        return dict(zip(keys, exact.memory.recall((seen, *keys), computed), strict=True))

    def _region_weights(self) -> dict[Key, float]:
        """w_l, shared among the regions by their part of the content picture.

        Departure: the 2017 paper leaves the regions' weights open, and its code
        makes them equal. By area, a pixel weighs the same in every region, and
        one region over everything is the same as no mask.
        """
        layer_weights = self._params.layer_weights()
        if self._masks is None:
            return {(layer, EVERYTHING): weight for layer, weight in layer_weights.items()}
        return {
            (layer, label): weight * area
            for layer, weight in layer_weights.items()
            for label, area in self._masks.content.areas.items()
        }


def _mean(terms: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(terms)).mean()
