"""What is minimised: alpha * content + beta * style (paper, eq. 7) + gamma * tv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from core.nst.losses import (
    content_gradient,
    content_loss,
    style_loss,
    style_slope,
    tv_gradient,
    tv_loss,
    with_gram_gradient,
)
from core.nst.network.vgg19 import VGG19
from core.nst.targets import EVERYTHING, Key, Masks, Subject, belonging, grams_at
from core.params import Layer, StyleParams

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
        self._params = params
        self._masks = masks
        self._subject = Subject(content, styles, params, masks)
        with torch.no_grad():
            # Whatever the steps are computed in, what they aim at is exact.
            self._exact, self._strengths = self._subject.exactly(network)
            self._targets = replace(self._exact, network=network)
            self._T = belonging(masks.content, params.style_layers) if masks else None
        self._weights = self._region_weights()

    def in_float32(self) -> Objective:
        """The same objective, computed in float32."""
        exact = copy(self)
        exact._targets = self._exact
        return exact

    def rougher(self) -> Objective:
        """The same objective with features in 8 bits, if the network is one in 8 bits.

        What it aims at is made in the same way: the rounding of weights is no difference.
        """
        rough = copy(self)
        network = self._targets.network
        if network.dtype is torch.int8:
            with torch.no_grad():
                network = network.calibrated(self._strengths, self._layers)
                rough._targets = self._subject.through(network)
        return rough

    def with_content(self, times: float) -> Objective:
        """The same objective with so many times the weight of the content."""
        heavier = copy(self)
        weight = times * self._params.content_weight
        heavier._params = self._params.model_copy(update={"content_weight": weight})
        return heavier

    def content_power(self) -> float:
        """What the content term would be of features that are all 0: the mean of P^2."""
        return float(_mean(content_loss(torch.zeros_like(P), P) for P in self._exact.P.values()))

    def __call__(self, image: Tensor) -> LossTerms:
        """The terms at a picture of shape (1, 3, H, W)."""
        compared: Compared = {}
        for layer, F in self._targets.network.layerwise(image, self._layers):
            compared |= self._compared(layer, F)
            del F  # or it would live until the next one is there
        return self._terms(compared, image)

    def _compared(self, layer: Layer, F: Tensor) -> Compared:
        """What counts of a layer's features."""
        compared: Compared = {}
        if layer in self._targets.P:
            compared[layer] = content_loss(F, self._targets.P[layer])
        if layer in self._params.style_layers:
            for key, G in grams_at(layer, F, self._T).items():
                compared[key] = G
        return compared

    def _terms(self, compared: Compared, image: Tensor) -> LossTerms:
        params = self._params
        content = _mean(compared[layer] for layer in params.content_layers)
        style = style_loss(
            (weight, compared[key], self._targets.A[key]) for key, weight in self._weights.items()
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
        network = self._targets.network
        with torch.no_grad():
            activations: dict[Layer, Tensor] = {}
            compared: Compared = {}
            for layer, F in network.activations(image.expand(-1, 3, -1, -1), self._layers):
                activations[layer] = F
                if layer in self._layers:
                    compared |= self._compared(layer, F)
            del F  # or it would live as long as all the others
            own = {layer: partial(self._with_own, layer, compared) for layer in self._layers}
            gradient = network.backward(activations, own)
            if image.shape[1] == 1:
                gradient = gradient.sum(1, keepdim=True)
            if self._params.tv_weight:
                gradient = gradient + self._params.tv_weight * tv_gradient(image)
            # Sums depend on the order of memory, so that order is always the same.
            return self._terms(compared, image), gradient.contiguous()

    def _with_own(self, layer: Layer, compared: Compared, F: Tensor, g: Tensor | None) -> Tensor:
        """The gradient at a layer's features, with what the layer itself is compared for."""
        params = self._params
        if layer in params.content_layers:
            weight = params.content_weight / len(params.content_layers)
            own = weight * content_gradient(F, self._targets.P[layer])
            g = own.to(F.dtype) if g is None else g.add_(own)
        for key, w in self._weights.items():
            if key[0] == layer:
                slope = style_slope(params.style_weight * w, compared[key], self._targets.A[key])
                g = with_gram_gradient(g, F, slope, self._T[key] if self._T else None)
        assert g is not None, f"{layer} is not compared"
        return g

    @property
    def _layers(self) -> set[Layer]:
        return {*self._params.content_layers, *self._params.style_layers}

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
