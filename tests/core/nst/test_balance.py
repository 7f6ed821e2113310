"""The weights of the objective, derived from the strength and the pictures."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from core.nst import VGG19
from core.nst.balance import RATE_HALF, balance, rate, relative_weights
from core.nst.network.pixels import to_tensor
from core.nst.objective import Objective
from core.nst.targets import Masks
from core.params import Layer, StyleParams
from core.params.presets import STYLE_LAYERS
from tests.core.nst.examples import (
    CONTENT,
    CPU,
    FLOAT64,
    STYLE,
    guides_of,
    halves,
    resized,
    run,
    uniform,
)

PICTURES = [uniform(seed, 1, 3, 32, 40) for seed in range(3)]


def objective(network: VGG19, styles: list[Tensor] = PICTURES[1:2], **fields: Any) -> Objective:
    params = StyleParams.model_validate(fields)
    return Objective(network.using(FLOAT64), PICTURES[0], styles, params)


def features(network: VGG19, image: Tensor, layer: Layer) -> NDArray[np.float64]:
    """The features at a layer, as a matrix (C, M)."""
    F = network.using(FLOAT64).features(image, [layer])[layer][0].numpy()
    return np.array(F.reshape(len(F), -1))


def gram(F: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array(np.einsum("im,jm->ij", F, F) / F.shape[1])


def relative_error(
    found: NDArray[np.float64], target: NDArray[np.float64], least: float = 0
) -> float:
    energy = max(float(np.sum(target**2)), least * len(target))
    return float(np.sum((found - target) ** 2) / energy)


def test_the_rate_rises_from_0_over_a_fixed_value_at_one_half_to_a_finite_one() -> None:
    rates = [rate(step / 100) for step in range(101)]
    assert rates[0] == 0
    assert rates[50] == pytest.approx(RATE_HALF)
    assert all(lower < higher for lower, higher in pairwise(rates))
    assert math.isfinite(rates[-1])


def test_the_objective_is_the_content_power_times_the_sum_of_relative_losses(
    tiny_network: VGG19,
) -> None:
    content, style, at = PICTURES
    P, F = (features(tiny_network, image, "conv4_2") for image in (content, at))
    power = np.mean(P**2)
    relative_content = np.mean((F - P) ** 2) / power
    grams, covariances = 0.0, 0.0
    for layer, base in STYLE_LAYERS.items():
        F_style, F_at = (features(tiny_network, image, layer) for image in (style, at))
        share = base / sum(STYLE_LAYERS.values())
        grams += share * relative_error(gram(F_at), gram(F_style))
        covariance = relative_error(np.cov(F_at, bias=True), np.cov(F_style, bias=True), least=10)
        mean = relative_error(F_at.mean(1), F_style.mean(1), least=0.3)
        covariances += share * (covariance + mean) / 2
    for statistics, relative_style in (("gram", grams), ("covariance", covariances)):
        found = objective(tiny_network, strength=0.7, content_weight=3, style_statistics=statistics)
        total = found.at(at).total
        expected = power * (3 * relative_content + rate(0.7) * relative_style)
        assert float(total) == pytest.approx(expected, rel=1e-9)


def test_several_content_layers_count_equally_relative_to_their_power(
    tiny_network: VGG19,
) -> None:
    content, _, at = PICTURES
    layers: list[Layer] = ["conv2_2", "conv4_2"]
    P, F = ([features(tiny_network, image, layer) for layer in layers] for image in (content, at))
    powers = [np.mean(p**2) for p in P]
    relative = np.mean([np.mean((f - p) ** 2) / q for f, p, q in zip(F, P, powers, strict=True)])
    harmonic = 2 / sum(1 / power for power in powers)
    loss = objective(tiny_network, content_layers=layers, strength=0).at(at)
    assert float(loss.total) == pytest.approx(harmonic * relative, rel=1e-9)


def test_the_weight_does_not_depend_on_how_strongly_a_layer_responds() -> None:
    params = StyleParams(content_weight=2)
    energies = {layer: 1.0 + n for n, layer in enumerate(STYLE_LAYERS)}
    weak = balance(params, {"conv4_2": 5.0}, energies)
    strong = balance(params, {"conv4_2": 5.0}, {k: 9 * e for k, e in energies.items()})
    assert strong.style == pytest.approx(weak.style / 9)
    assert strong.style_layers == pytest.approx(weak.style_layers)
    assert (weak.content, strong.content) == (2, 2)


def test_layers_other_than_the_recipes_count_equally(tiny_network: VGG19) -> None:
    layers: list[Layer] = ["conv1_2", "conv3_1"]
    weights = objective(
        tiny_network, style_layers=layers, style_statistics="gram"
    ).balance.style_layers
    energies = [np.mean(gram(features(tiny_network, PICTURES[1], layer)) ** 2) for layer in layers]
    counts = [weights[layer] * energy for layer, energy in zip(layers, energies, strict=True)]
    assert counts[0] == pytest.approx(counts[1])
    assert sum(weights.values()) == pytest.approx(1)


def test_given_layer_weights_are_used_as_they_are_and_the_style_weight_is_derived(
    tiny_network: VGG19,
) -> None:
    content, style, _ = PICTURES
    found = objective(
        tiny_network,
        style_layers=["conv1_1", "conv2_1"],
        style_layer_weights=[1, 3],
        style_statistics="gram",
    ).balance
    assert found.style_layers == {"conv1_1": 0.25, "conv2_1": 0.75}
    energy = sum(
        w * np.mean(gram(features(tiny_network, style, layer)) ** 2)
        for layer, w in found.style_layers.items()
    )
    power = np.mean(features(tiny_network, content, "conv4_2") ** 2)
    assert found.style == pytest.approx(RATE_HALF * power / energy)


def test_two_styles_count_by_the_energy_of_their_blend(tiny_network: VGG19) -> None:
    found = objective(
        tiny_network,
        PICTURES[1:],
        style_layers=["conv2_1"],
        style_blend=[1, 3],
        style_statistics="gram",
    ).balance
    first, second = (gram(features(tiny_network, image, "conv2_1")) for image in PICTURES[1:])
    power = np.mean(features(tiny_network, PICTURES[0], "conv4_2") ** 2)
    energy = np.mean((first / 4 + 3 * second / 4) ** 2)
    assert found.style == pytest.approx(RATE_HALF * power / energy)


def test_the_same_painting_in_every_region_has_the_weights_of_no_regions(
    tiny_network: VGG19,
) -> None:
    # At a period of 16 pixels, every region of conv1_1 to conv5_1 has the same Gram matrix.
    tile = uniform(3, 1, 3, 16, 16)
    style = tile.tile(1, 1, 4, 4)
    network = tiny_network.using(FLOAT64)
    params = StyleParams(style_layers=("conv1_1",), strength=0.4)
    mask = halves((64, 64))
    masks = Masks(guides_of(mask, (64, 64)), (guides_of(mask, (64, 64)),))
    whole = Objective(network, style, [style], params).balance
    regions = Objective(network, style, [style], params, masks).balance
    assert regions.style == pytest.approx(whole.style, rel=0.05)  # borders are padded with zeros


def test_a_given_style_weight_takes_the_place_of_the_strength(tiny_network: VGG19) -> None:
    found = objective(
        tiny_network, strength=0.9, style_weight=20, content_layers=["conv3_1", "conv4_2"]
    ).balance
    assert found.style == 20
    assert found.style_layers == dict.fromkeys(STYLE_LAYERS, 0.2)
    assert found.content_layers == {"conv3_1": 0.5, "conv4_2": 0.5}


def test_a_layer_where_nothing_is_active_has_a_finite_weight() -> None:
    energies = dict.fromkeys(STYLE_LAYERS, 0.0)
    found = balance(StyleParams(), {"conv4_2": 0.0}, energies)
    assert all(math.isfinite(weight) for weight in (found.style, *found.style_layers.values()))
    assert sum(relative_weights(STYLE_LAYERS, energies).values()) == pytest.approx(1)


def test_the_weights_are_the_same_in_every_number_format(tiny_network: VGG19) -> None:
    steps = [run(tiny_network, precision=each, steps=1)[0] for each in ("float32", "int8")]
    assert steps[0].balance == steps[1].balance


def test_every_scale_has_the_weights_of_its_own_pictures(tiny_network: VGG19) -> None:
    steps = run(
        tiny_network, pyramid="32:2", steps=1, style_layers="conv2_1", style_statistics="gram"
    )
    for step in (steps[0], steps[-1]):
        sizes = (step.width, step.height), (step.width, step.width * 7 // 8)
        content, style = (
            to_tensor(picture, size, CPU).double()
            for picture, size in zip((CONTENT, STYLE), sizes, strict=True)
        )
        power = np.mean(features(tiny_network, content, "conv4_2") ** 2)
        energy = np.mean(gram(features(tiny_network, style, "conv2_1")) ** 2)
        assert step.balance.style == pytest.approx(RATE_HALF * power / energy, rel=1e-4)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_strength_0_keeps_the_photograph(tiny_network: VGG19, optimizer: str) -> None:
    last = run(tiny_network, strength=0, optimizer=optimizer, pyramid="32:2")[-1]
    difference = np.asarray(last.picture()).astype(int) - resized(CONTENT, (64, 43))
    assert np.abs(difference).max() <= 1
