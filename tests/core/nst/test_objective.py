"""The objective, its gradient, and its number formats."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.nst import VGG19
from core.nst import objective as objective_module
from core.nst.network.passes import Part
from core.nst.network.precision import BFLOAT16, FLOAT32, INT8, NumberFormat
from core.nst.network.rows.strips import USUAL_MEMORY
from core.nst.objective import Objective
from core.nst.targets import EVERYTHING, Masks, StyleTargets, add_statistics
from core.params import StyleParams, StyleStatistics
from tests.core.nst.examples import FLOAT64, flat, guides_of, uniform


def image(height: int, width: int, seed: int) -> Tensor:
    return uniform(seed, 1, 3, height, width)


@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "colour"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tv_weight": 3.0},
        {"content_layers": ["conv2_2", "conv4_2"], "style_layers": ["conv1_2", "conv2_2"]},
        {"content_weight": 0.0},
        {"style_weight": 20.0, "content_layers": ["conv2_2", "conv4_2"]},
        {"style_statistics": "gram"},
        {"style_layers": ["conv1_1"], "content_layers": ["conv1_1"]},
    ],
)
def test_the_gradient_of_the_total_matches_autograd(
    tiny_network: VGG19, channels: int, fields: dict[str, Any]
) -> None:
    network = tiny_network.using(FLOAT64)
    content, style = image(20, 26, seed=0), image(24, 18, seed=1)
    objective = Objective(network, content, [style], StyleParams.model_validate(fields))
    at = image(20, 26, seed=2)[:, :channels].requires_grad_()
    total = objective(at.expand(-1, 3, -1, -1)).total
    (expected,) = torch.autograd.grad(total, at)
    loss, gradient = objective.with_gradient(at)
    torch.testing.assert_close(loss.total, total)
    torch.testing.assert_close(gradient, expected, check_dtype=False, rtol=1e-6, atol=0)


@pytest.mark.parametrize("statistics", StyleStatistics)
def test_the_gradient_with_regions_matches_autograd(
    tiny_network: VGG19, statistics: StyleStatistics
) -> None:
    content, style = image(40, 52, seed=0), image(48, 36, seed=1)
    mask = flat((30, 30), "red")
    mask.paste("blue", (0, 0, 11, 30))  # the border lies within a position, at all layers
    masks = Masks(guides_of(mask, (52, 40)), (guides_of(mask, (36, 48)),))
    network = tiny_network.using(FLOAT64)
    objective = Objective(
        network, content, [style], StyleParams(style_statistics=statistics), masks
    )
    at = image(40, 52, seed=2).requires_grad_()
    (expected,) = torch.autograd.grad(objective(at).total, at)
    _, gradient = objective.with_gradient(at)
    torch.testing.assert_close(gradient, expected, check_dtype=False, rtol=1e-6, atol=0)


def test_the_content_loss_is_the_mean_over_the_content_layers(tiny_network: VGG19) -> None:
    content, at = image(20, 26, seed=0), image(20, 26, seed=1)
    params = StyleParams.model_validate(
        {"content_layers": ["conv2_2", "conv4_2"], "style_weight": 20}
    )
    network = tiny_network.using(FLOAT64)
    F, P = (network.features(each, params.content_layers) for each in (at, content))
    distances = [np.square(F[layer].numpy() - P[layer].numpy()).mean() for layer in F]
    loss = Objective(network, content, [content], params).at(at)
    assert float(loss.content) == pytest.approx(np.mean(distances), rel=1e-12)


def test_in_float32_is_exact_whatever_format_the_steps_are_computed_in(
    tiny_network: VGG19,
) -> None:
    content, style, at = (image(32, 32, seed).float() for seed in range(3))
    exact, rounded = (
        Objective(network, content, [style], StyleParams())
        for network in (tiny_network, tiny_network.using(BFLOAT16))
    )
    assert torch.equal(rounded.in_float32().at(at).total, exact.at(at).total)
    assert not torch.equal(rounded.at(at).total, exact.at(at).total)


def test_the_loss_in_int8_is_0_where_picture_content_and_style_are_the_same(
    tiny_network: VGG19,
) -> None:
    # The targets are quantised in the same way. Exact targets would differ.
    picture = image(32, 40, 0).float()
    params = StyleParams(style_weight=1e3)
    objective = Objective(tiny_network.using(INT8), picture, [picture], params)
    loss, gradient = objective.in_int8().with_gradient(picture)
    assert float(loss.total) == 0
    assert not gradient.any()
    assert float(objective.at(picture).total) > 0


@pytest.mark.parametrize("number_format", [FLOAT32, BFLOAT16])
def test_only_the_int8_format_quantises_features(
    tiny_network: VGG19, number_format: NumberFormat
) -> None:
    content, style, at = (image(32, 32, seed).float() for seed in range(3))
    objective = Objective(tiny_network.using(number_format), content, [style], StyleParams())
    assert torch.equal(objective.in_int8().at(at).total, objective.at(at).total)


#: Bytes of memory for strips of two rows everywhere, and of several rows in the first blocks.
MEMORIES = [0, 2**20]


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "regions"])
@pytest.mark.parametrize("channels", [3, 1], ids=["rgb", "luminance"])
@pytest.mark.parametrize("statistics", StyleStatistics)
def test_a_large_picture_in_strips_has_the_loss_and_gradient_of_the_whole_picture(
    tiny_network: VGG19, statistics: StyleStatistics, channels: int, masked: bool, memory: int
) -> None:
    evaluate = partial(evaluation, tiny_network, statistics, channels, masked)
    whole = evaluate(FLOAT64, USUAL_MEMORY)
    for in_strips, expected in zip(evaluate(FLOAT64, memory), whole, strict=True):
        torch.testing.assert_close(in_strips, expected, rtol=1e-10, atol=1e-12)
    for in_strips, expected in zip(evaluate(FLOAT32, memory), whole, strict=True):
        error = torch.linalg.vector_norm(in_strips.double() - expected)
        assert error <= 1e-5 * torch.linalg.vector_norm(expected)


def evaluation(
    network: VGG19,
    statistics: StyleStatistics,
    channels: int,
    masked: bool,
    number_format: NumberFormat,
    memory: int,
) -> tuple[Tensor, ...]:
    """Return the terms, twice, and the gradient of the total."""
    content, style = image(70, 52, seed=0), image(48, 61, seed=1)
    top = flat((30, 30), "red")
    top.paste("blue", (0, 11, 30, 30))  # some strips have one region, and one strip has both
    masks = Masks(guides_of(top, (52, 70)), (guides_of(top, (61, 48)),)) if masked else None
    params = StyleParams.model_validate(
        {"style_statistics": statistics, "content_layers": ["conv2_2", "conv4_2"]}
    )
    network = network.using(number_format)
    network.cache.clear()
    at, levels = image(70, 52, seed=2)[:, :channels], 255 * image(70, 52, seed=3)[:, :1]
    content, style, at, levels = (
        each.to(number_format.dtype) for each in (content, style, at, levels)
    )
    objective = Objective(network, content, [style], params, masks, levels, memory)
    loss, gradient = objective.with_gradient(at)
    return (*loss, *objective.at(at), gradient)


def test_a_large_content_is_kept_rounded_and_its_loss_in_float32_is_exact(
    tiny_network: VGG19, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, style, at = (image(32, 40, seed).float() for seed in range(3))
    network = tiny_network.using(BFLOAT16)
    small = Objective(network, content, [style], StyleParams())
    monkeypatch.setattr(objective_module, "LARGE_PIXELS", 0)
    large = Objective(network, content, [style], StyleParams())
    assert large.balance == small.balance
    assert torch.equal(large.in_float32().at(at).total, small.in_float32().at(at).total)
    rounded, exact = large.at(at).content, small.at(at).content
    assert rounded != exact
    torch.testing.assert_close(rounded, exact, rtol=1e-3, atol=0)


def test_the_statistics_of_a_large_picture_are_as_precise_as_those_of_a_small_one() -> None:
    generator = torch.Generator().manual_seed(0)
    F = torch.randn(1, 4, 2048, 1024, generator=generator).relu_()
    found: StyleTargets = {}
    for row in range(0, 2048, 2):
        rows = slice(row, row + 2)
        add_statistics(found, Part("conv1_1", rows, 1 / 1024, F[:, :, rows]), None)
    x = F.double().flatten(2)[0]
    covariance = found["conv1_1", EVERYTHING].covariance.double()
    expected = torch.cov(x, correction=0)
    assert (covariance - expected).norm() <= 1e-5 * expected.norm()
