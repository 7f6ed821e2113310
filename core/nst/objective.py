"""The objective: alpha * content + beta * style (paper, eq. 7) + gamma * tv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from core.nst.balance import balance
from core.nst.detail import content_factors
from core.nst.losses import content_gradient, content_loss, tv_gradient, tv_loss
from core.nst.network.int8 import with_int8_features
from core.nst.network.precision import INT8
from core.nst.network.vgg19 import VGG19
from core.nst.optimizers.point import LossTerms
from core.nst.style import (
    STYLE_DISTANCES,
    FeatureStatistics,
    StyleDistance,
    add_statistics_gradient,
)
from core.nst.targets import (
    EVERYTHING,
    Key,
    Masks,
    TargetPictures,
    Targets,
    guide_maps,
    statistics_at,
)
from core.params import Layer, StyleParams
from core.pictures.masks import Label


@dataclass(frozen=True)
class Compared:
    """What is compared with the targets."""

    #: The loss of every content layer.
    content: dict[Layer, Tensor] = field(default_factory=dict)
    #: The statistics of every style layer and region.
    style: dict[Key, FeatureStatistics] = field(default_factory=dict)


class Objective:
    """The objective for one content picture and its styles. The targets are computed once.

    Args:
        network: the network whose features are compared.
        content: shape (1, 3, H, W), RGB in [0, 1].
        styles: each of shape (1, 3, H', W'), of any size. Their statistics are blended.
        params: gives the layers and all weights.
        masks: the regions, if any.
        detail: the grey levels of the detail map, shape (1, 1, H, W), if any.
    """

    def __init__(
        self,
        network: VGG19,
        content: Tensor,
        styles: Sequence[Tensor],
        params: StyleParams,
        masks: Masks | None = None,
        detail: Tensor | None = None,
    ) -> None:
        self._params = params
        self._pictures = TargetPictures(content, styles, params, masks)
        with torch.no_grad():
            # The targets are exact in every number format.
            self._exact, self._channel_rms = self._pictures.exact(network)
            self._compare_with(replace(self._exact, network=network))
            self._guides = guide_maps(masks.content, params.style_layers) if masks else None
        #: D of the content loss by layer; empty without a detail map.
        self._detail: dict[Layer, Tensor] = {}
        if detail is not None:
            self._detail = {
                layer: content_factors(detail, layer) for layer in params.content_layers
            }
        areas = {EVERYTHING: 1.0} if masks is None else masks.content.areas
        #: alpha, beta and gamma, and the weights of the layers.
        self.balance = balance(
            params,
            {layer: _energy(P) for layer, P in self._exact.P.items()},
            _style_energies(self._distances, areas),
        )
        self._weights = _region_weights(self.balance.style_layers, areas)

    def in_float32(self) -> Objective:
        """Return the same objective, computed in float32."""
        exact = copy(self)
        exact._compare_with(self._exact)
        return exact

    def in_int8(self) -> Objective:
        """Return the same objective with features in 8 bits, if the number format has them.

        Its targets are computed in the same way, so that rounding cancels out.
        """
        network = self._targets.network
        if not network.number_format.int8:
            return self
        network = network.using(INT8)
        quantised = copy(self)
        with torch.no_grad():
            network = network.with_convolutions(
                with_int8_features(network.convolutions, self._channel_rms, self._layers)
            )
            quantised._compare_with(self._pictures.computed_by(network))
        return quantised

    def __call__(self, image: Tensor) -> LossTerms:
        """Return the terms at an image of shape (1, 3, H, W), for autograd."""
        compared = Compared()
        for layer, F in self._targets.network.iterate(image, self._layers):
            self._compare(layer, F, compared)
            del F  # otherwise it would stay in memory until the next layer is there
        return self._terms(compared, image)

    def at(self, image: Tensor) -> LossTerms:
        """Return the terms at an image, shape (1, 3, H, W) or grey (1, 1, H, W)."""
        with torch.no_grad():
            return self(image.expand(-1, 3, -1, -1))

    def with_gradient(self, image: Tensor) -> tuple[LossTerms, Tensor]:
        """Return the terms and the gradient of the total, which has the image's shape.

        Args:
            image: shape (1, 3, H, W), or grey (1, 1, H, W).
        """
        network = self._targets.network
        with torch.no_grad():
            activations: dict[Layer, Tensor] = {}
            compared = Compared()
            for layer, F in network.activations(image.expand(-1, 3, -1, -1), self._layers):
                activations[layer] = F
                if layer in self._layers:
                    # Now, while the features are in the processor's cache.
                    self._compare(layer, F, compared)
            del F  # otherwise it would stay in memory as long as all the others
            add_gradient = {
                layer: partial(self._add_gradient, layer, compared) for layer in self._layers
            }
            gradient = network.backward(activations, add_gradient)
            if image.shape[1] == 1:
                gradient = gradient.sum(1, keepdim=True)
            if self.balance.tv:
                gradient = gradient + self.balance.tv * tv_gradient(image)
            # Sums depend on the memory layout, so it is always the same.
            return self._terms(compared, image), gradient.contiguous()

    def _compare_with(self, targets: Targets) -> None:
        make_distance = STYLE_DISTANCES[self._params.style_statistics]
        self._targets = targets
        self._distances = {key: make_distance(A) for key, A in targets.A.items()}

    def _compare(self, layer: Layer, F: Tensor, compared: Compared) -> None:
        """Add what is compared of a layer's features F, shape (1, C, H, W)."""
        if layer in self._params.content_layers:
            P, D = self._targets.P[layer], self._detail.get(layer)
            compared.content[layer] = content_loss(F, P, D)
        if layer in self._params.style_layers:
            compared.style.update(statistics_at(layer, F, self._guides))

    def _terms(self, compared: Compared, image: Tensor) -> LossTerms:
        weights = self.balance.content_layers
        content = torch.stack(
            [v * compared.content[layer] for layer, v in weights.items()]
        ).sum()  # eq. 1
        style = torch.stack(  # eq. 5
            [w * self._distances[key](compared.style[key]) for key, w in self._weights.items()]
        ).sum()
        tv = tv_loss(image)
        total = self.balance.total(content, style, tv)  # eq. 7
        return LossTerms(total, content, style, tv)

    def _add_gradient(
        self, layer: Layer, compared: Compared, F: Tensor, gradient: Tensor | None
    ) -> Tensor:
        """Add the gradients of a layer's own terms (eq. 2 and 6) to the gradient at its F."""
        if layer in self._params.content_layers:
            weight = self.balance.content * self.balance.content_layers[layer]
            P, D = self._targets.P[layer], self._detail.get(layer)
            own = weight * content_gradient(F, P, D)
            gradient = own.to(F.dtype) if gradient is None else gradient.add_(own)
        for key, w in self._weights.items():
            if key[0] == layer:
                by = self._distances[key].gradient(self.balance.style * w, compared.style[key])
                guide = self._guides[key] if self._guides else None
                gradient = add_statistics_gradient(gradient, F, by, guide)
        assert gradient is not None, f"{layer} is not compared"
        return gradient

    @property
    def _layers(self) -> set[Layer]:
        return {*self._params.content_layers, *self._params.style_layers}


def _energy(x: Tensor) -> float:
    """mean(x^2), without a tensor of its squares."""
    return float(torch.linalg.vector_norm(x)) ** 2 / x.numel()


def _style_energies(
    distances: Mapping[Key, StyleDistance], areas: Mapping[Label, float]
) -> dict[Layer, float]:
    """The distance that counts as 1 at a layer, averaged over the regions by their area."""
    energies: dict[Layer, float] = {}
    for (layer, label), distance in distances.items():
        if label in areas:
            energies[layer] = energies.get(layer, 0.0) + areas[label] * distance.energy()
    return energies


def _region_weights(
    layers: Mapping[Layer, float], areas: Mapping[Label, float]
) -> dict[Key, float]:
    """w_l, shared among the regions by their part of the content picture.

    Departure: the 2017 paper leaves the weights of the regions open, and its code makes them
    equal. By area, a pixel weighs the same in every region, and one region over everything is
    the same as no mask.
    """
    return {
        (layer, label): weight * area
        for layer, weight in layers.items()
        for label, area in areas.items()
    }
