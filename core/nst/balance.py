"""The weights of the objective: given as numbers, or derived from ``strength`` and the pictures.

The objective is alpha * content + beta * style + gamma * tv, with

    content = sum_l v_l mean((F_l - P_l)^2)
    style   = sum_l w_l d_l

where d_l is the distance of a layer's statistics from the painting's (:mod:`core.nst.style`).
alpha and gamma are always those of the request. If the request has no beta, each layer's loss is
compared with its energy e_l, which is the loss of features that are all 0, and beta makes the
ratio of style to content the same for every pair of pictures and at every scale:

    v_l  ~ 1 / mean(P_l^2)        sum_l v_l = 1
    w_l  ~ b_l / e_l              sum_l w_l = 1
    beta = rate(strength) * sum_l v_l mean(P_l^2) / sum_l w_l e_l

Departure: in the paper, alpha and beta are numbers, and all layers have equal weights. The same
numbers then show a lot of one painting and little of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from core.params import Layer, StyleParams
from core.params.presets import STYLE_LAYERS

_Term = TypeVar("_Term", float, Tensor)

#: rate(0.5): how much a relative style loss of 1 counts, compared with a relative content loss of
#: 1. Chosen by the measures of ``bench/look`` (bench/attempts.md).
RATE_HALF = 16.0

#: How fast the rate grows with the odds s / (1 - s) of the strength.
EXPONENT = 1.5

#: The least value of 1 - s, which makes the largest rate finite.
_LEAST_REMAINDER = 0.05

#: The least energy of a target. A layer where nothing is active would otherwise have an infinite
#: weight.
_LEAST_ENERGY = 1e-9


@dataclass(frozen=True)
class Balance:
    """The weights of the objective at one scale."""

    #: alpha, beta and gamma.
    content: float
    style: float
    tv: float
    #: v_l and w_l. Each sum to 1.
    content_layers: Mapping[Layer, float]
    style_layers: Mapping[Layer, float]

    def total(self, content: _Term, style: _Term, tv: _Term) -> _Term:
        """Return the objective, given its terms."""
        return self.content * content + self.style * style + self.tv * tv


def balance(
    params: StyleParams, content: Mapping[Layer, float], style: Mapping[Layer, float]
) -> Balance:
    """Return the weights of a request at one scale.

    Args:
        params: gives the strength, and the weights that are not derived from it.
        content: mean(P_l^2) of every content layer.
        style: e_l of every style layer.
    """
    if params.style_weight is not None:
        equal = {layer: 1 / len(content) for layer in content}
        return Balance(
            params.content_weight,
            params.style_weight,
            params.tv_weight,
            equal,
            params.layer_weights(),
        )
    v = relative_weights(dict.fromkeys(content, 1.0), content)
    w = params.layer_weights()
    if not params.style_layer_weights:
        w = relative_weights(base_weights(params), style)
    power, energy = _weighted(v, content), _weighted(w, style)
    style_weight = rate(params.strength) * power / energy
    return Balance(params.content_weight, style_weight, params.tv_weight, v, w)


def rate(strength: float) -> float:
    """Return how much the style counts, compared with the content, at a strength from 0 to 1.

    0 at 0, ``RATE_HALF`` at 0.5, and finite at 1. It rises with every step of the strength.
    """
    odds = strength / max(1 - strength, _LEAST_REMAINDER)
    return float(RATE_HALF * odds**EXPONENT)


def base_weights(params: StyleParams) -> dict[Layer, float]:
    """Return b_l: those of the recipe for its own style layers, and equal ones for others."""
    if set(params.style_layers) == set(STYLE_LAYERS):
        return STYLE_LAYERS
    return dict.fromkeys(params.style_layers, 1.0)


def relative_weights(
    base: Mapping[Layer, float], energies: Mapping[Layer, float]
) -> dict[Layer, float]:
    """Return weights proportional to b_l / energy_l, with the sum 1."""
    weights = {layer: b / max(energies[layer], _LEAST_ENERGY) for layer, b in base.items()}
    total = sum(weights.values())
    return {layer: weight / total for layer, weight in weights.items()}


def _weighted(weights: Mapping[Layer, float], energies: Mapping[Layer, float]) -> float:
    return sum(w * max(energies[layer], _LEAST_ENERGY) for layer, w in weights.items())
