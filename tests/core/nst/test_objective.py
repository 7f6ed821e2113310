"""The objective and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.nst import VGG19
from core.nst.network.precision import BFLOAT16, FLOAT32, INT8, NumberFormat
from core.nst.objective import Objective
from core.nst.regions import Mask
from core.nst.targets import Masks
from core.params import StyleParams


def random_picture(height: int, width: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "colour"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"tv_weight": 3.0},
        {"content_layers": ["conv2_2", "conv4_2"], "style_layers": ["conv1_2", "conv2_2"]},
        {"content_weight": 0.0},
        {"style_layers": ["conv1_1"], "content_layers": ["conv1_1"]},
    ],
)
def test_the_gradient_is_that_of_the_total(
    tiny_network: VGG19, channels: int, given: dict[str, Any]
) -> None:
    network = tiny_network.using(NumberFormat(torch.float64))
    content, style = random_picture(20, 26, seed=0), random_picture(24, 18, seed=1)
    objective = Objective(network, content, [style], StyleParams.model_validate(given))
    image = random_picture(20, 26, seed=2)[:, :channels].requires_grad_()
    total = objective(image.expand(-1, 3, -1, -1)).total
    (expected,) = torch.autograd.grad(total, image)
    loss, gradient = objective.with_gradient(image)
    torch.testing.assert_close(loss.total, total)
    torch.testing.assert_close(gradient, expected, check_dtype=False, rtol=1e-6, atol=0)


def test_the_gradient_is_that_of_the_total_with_regions_too(tiny_network: VGG19) -> None:
    network = tiny_network.using(NumberFormat(torch.float64))
    content, style = random_picture(40, 52, seed=0), random_picture(48, 36, seed=1)
    mask = Image.new("RGB", (30, 30), "red")
    mask.paste("blue", (0, 0, 11, 30))  # in the middle of a position, at all layers
    scanned = Mask(mask, "content_mask")
    masks = Masks(
        scanned.guides((52, 40), network.device), (scanned.guides((36, 48), network.device),)
    )
    objective = Objective(network, content, [style], StyleParams(), masks)
    image = random_picture(40, 52, seed=2).requires_grad_()
    (expected,) = torch.autograd.grad(objective(image).total, image)
    _, gradient = objective.with_gradient(image)
    torch.testing.assert_close(gradient, expected, check_dtype=False, rtol=1e-6, atol=0)


def test_the_content_is_the_mean_over_its_layers(tiny_network: VGG19) -> None:
    content, image = random_picture(20, 26, seed=0), random_picture(20, 26, seed=1)
    params = StyleParams.model_validate({"content_layers": ["conv2_2", "conv4_2"]})
    network = tiny_network.using(NumberFormat(torch.float64))
    F, P = (network.features(each, params.content_layers) for each in (image, content))
    distances = [np.square(F[layer].numpy() - P[layer].numpy()).mean() for layer in F]
    loss = Objective(network, content, [content], params).at(image)
    assert float(loss.content) == pytest.approx(np.mean(distances), rel=1e-12)


def test_what_it_aims_at_is_exact_whatever_the_steps_are_computed_in(tiny_network: VGG19) -> None:
    content, style = (random_picture(32, 32, seed).float() for seed in (0, 1))
    image = random_picture(32, 32, 2).float()
    exact = Objective(tiny_network, content, [style], StyleParams())
    rough = Objective(tiny_network.using(BFLOAT16), content, [style], StyleParams())
    assert torch.equal(rough.in_float32().at(image).total, exact.at(image).total)
    assert not torch.equal(rough.at(image).total, exact.at(image).total)


def test_in_8_bits_a_picture_is_what_it_aims_at_if_it_is_both_content_and_style(
    tiny_network: VGG19,
) -> None:
    # What is aimed at is rounded in the same way; beside what is exact, it would differ.
    picture = random_picture(32, 40, 0).float()
    params = StyleParams(style_weight=1e3)
    objective = Objective(tiny_network.using(INT8), picture, [picture], params)
    loss, gradient = objective.in_int8().with_gradient(picture)
    assert float(loss.total) == 0
    assert not gradient.any()
    assert float(objective.at(picture).total) > 0


@pytest.mark.parametrize("number_format", [FLOAT32, BFLOAT16])
def test_other_number_formats_have_no_8_bit_features(
    tiny_network: VGG19, number_format: NumberFormat
) -> None:
    content, style, image = (random_picture(32, 32, seed).float() for seed in range(3))
    objective = Objective(tiny_network.using(number_format), content, [style], StyleParams())
    assert torch.equal(objective.in_int8().at(image).total, objective.at(image).total)
