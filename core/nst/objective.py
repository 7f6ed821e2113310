"""The objective: alpha * content + beta * style (paper, eq. 7) + gamma * tv."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from core.nst.balance import balance
from core.nst.detail import content_factors
from core.nst.losses import content_gradient, content_loss, tv_gradient, tv_loss
from core.nst.network.int8 import with_int8_features
from core.nst.network.passes import Part, Pass
from core.nst.network.precision import INT8
from core.nst.network.rows.strips import USUAL_MEMORY
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
    add_statistics,
    guide_maps,
    regions_at,
)
from core.params import LARGE_PIXELS, Layer, StyleParams
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
        content: shape (1, 3, H, W), RGB in [0, 1] or in 8 bits.
        styles: each of shape (1, 3, H', W'), of any size, likewise. Their statistics are blended.
        params: gives the layers and all weights.
        masks: the regions, if any.
        detail: the grey levels of the detail map, shape (1, 1, H, W), if any.
        memory: see :class:`core.nst.network.passes.Pass`.
    """

    def __init__(
        self,
        network: VGG19,
        content: Tensor,
        styles: Sequence[Tensor],
        params: StyleParams,
        masks: Masks | None = None,
        detail: Tensor | None = None,
        memory: int = USUAL_MEMORY,
    ) -> None:
        self._params = params
        self._has_int8_features = False
        self._pictures = TargetPictures(content, styles, params, masks, memory)
        with torch.no_grad():
            # The targets are exact in every number format.
            self._exact, self._channel_rms = self._pictures.exact(network)
            self._content_energies = {layer: P.mean_square() for layer, P in self._exact.P.items()}
            if content[0, 0].numel() > LARGE_PIXELS:
                self._exact = _rounded(self._exact, network.number_format.dtype)
            self._compare_with(replace(self._exact, network=network))
            self._guides = guide_maps(masks.content, params.style_layers) if masks else None
        #: D of the content loss by layer; empty without a detail map.
        self._detail: dict[Layer, Tensor] = {}
        if detail is not None:
            self._detail = {
                layer: content_factors(detail, layer) for layer in params.content_layers
            }
        self._areas = {EVERYTHING: 1.0} if masks is None else masks.content.areas
        self._weigh()

    def changed(self, params: StyleParams) -> Objective:
        """Return the objective with other weights. Nothing is computed again but the weights.

        Args:
            params: may differ in the weights, the blend of the styles and ``style_statistics``.

        Raises:
            InvalidRequest: the blend does not fit the style pictures.
        """
        other = copy(self)
        other._params = params
        weights = params.blend_weights(len(self._exact.styles))
        other._pictures = replace(self._pictures, params=params)
        with torch.no_grad():
            other._exact = self._exact.blended(weights)
            other._compare_with(self._targets.blended(weights))
            other._weigh()
        return other

    def in_float32(self) -> Objective:
        """Return the same objective, computed in float32."""
        exact, targets = copy(self), self._exact
        if _is_rounded(targets):
            with torch.no_grad():
                P = self._pictures.content_features(targets.network)
            targets = replace(targets, P=P)
        exact._compare_with(targets)
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
        quantised._has_int8_features = True
        return quantised

    def is_int8_of(self, other: Objective) -> bool:
        """Return whether this is the other in 8 bits, up to the weights."""
        return self._has_int8_features and self._pictures.content is other._pictures.content

    def __call__(self, image: Tensor) -> LossTerms:
        """Return the terms at an image of shape (1, 3, H, W), for autograd."""
        one = Pass(self._targets.network, image, self._layers, self._pictures.memory)
        return self._terms(self._compared(one.forward(keep=False)), image)

    def at(self, image: Tensor) -> LossTerms:
        """Return the terms at an image, shape (1, 3, H, W) or grey (1, 1, H, W)."""
        with torch.no_grad():
            return self(image.expand(-1, 3, -1, -1))

    def with_gradient(self, image: Tensor) -> tuple[LossTerms, Tensor]:
        """Return the terms and the gradient of the total, which has the image's shape.

        Args:
            image: shape (1, 3, H, W), or grey (1, 1, H, W).
        """
        with torch.no_grad():
            rgb = image.expand(-1, 3, -1, -1)
            both = Pass(self._targets.network, rgb, self._layers, self._pictures.memory)
            compared = self._compared(both.forward())
            gradient = both.backward(partial(self._add_gradient, compared))
            if image.shape[1] == 1:
                gradient = gradient.sum(1, keepdim=True)
            if self.balance.tv:
                gradient = gradient.add_(tv_gradient(image), alpha=self.balance.tv)
            # Sums depend on the memory layout, so it is always the same.
            return self._terms(compared, image), gradient.contiguous()

    def _compare_with(self, targets: Targets) -> None:
        self._targets = targets
        self._distances = self._distances_to(targets)

    def _distances_to(self, targets: Targets) -> dict[Key, StyleDistance]:
        make_distance = STYLE_DISTANCES[self._params.style_statistics]
        return {key: make_distance(A) for key, A in targets.A.items()}

    def _weigh(self) -> None:
        """Set the weights, which depend on the exact targets in every number format."""
        energies = _style_energies(self._distances_to(self._exact), self._areas)
        #: alpha, beta and gamma, and the weights of the layers.
        self.balance = balance(self._params, self._content_energies, energies)
        self._weights = _region_weights(self.balance.style_layers, self._areas)

    def _compared(self, parts: Iterable[Part]) -> Compared:
        """Compare each part while it is in the processor's cache."""
        compared = Compared()
        for part in parts:
            self._compare(part, compared)
        return compared

    def _compare(self, part: Part, compared: Compared) -> None:
        layer, rows, share, F = part
        if layer in self._params.content_layers:
            P, D = self._content_at(layer, rows)
            loss = share * content_loss(F, P, D)
            compared.content[layer] = compared.content.get(layer, 0) + loss
        if layer in self._params.style_layers:
            add_statistics(compared.style, part, self._guides)

    def _content_at(self, layer: Layer, rows: slice) -> tuple[Tensor, Tensor | None]:
        """Return P and D at some rows."""
        D = self._detail.get(layer)
        return self._targets.P[layer].rows(rows), None if D is None else D[rows]

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

    def _add_gradient(self, compared: Compared, part: Part, gradient: Tensor | None) -> Tensor:
        """Add the gradients of a layer's own terms (eq. 2 and 6) to the gradient at its F."""
        layer, rows, share, F = part
        if layer in self._params.content_layers:
            weight = self.balance.content * self.balance.content_layers[layer] * share
            own = weight * content_gradient(F, *self._content_at(layer, rows))
            gradient = own.to(F.dtype) if gradient is None else gradient.add_(own)
        if layer in self._params.style_layers:
            for key, T, part_of_region in regions_at(part, self._guides):
                weight = self.balance.style * self._weights[key] * part_of_region
                by = self._distances[key].gradient(weight, compared.style[key])
                gradient = add_statistics_gradient(gradient, F, by, T)
        return torch.zeros_like(F) if gradient is None else gradient

    @property
    def _layers(self) -> set[Layer]:
        return {*self._params.content_layers, *self._params.style_layers}


def _rounded(targets: Targets, dtype: torch.dtype) -> Targets:
    """Return the targets with the content's features, which take much memory, in a format."""
    return replace(targets, P={layer: P.to(dtype) for layer, P in targets.P.items()})


def _is_rounded(targets: Targets) -> bool:
    exact = targets.network.number_format.dtype
    return any(P.dtype is not exact for P in targets.P.values())


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
