"""The run as a whole, with a tiny network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from core.errors import LossNotFinite
from core.nst import VGG19
from core.nst.network.pixels import to_tensor
from core.nst.style import statistics
from core.params import Layer
from tests.conftest import random_weights
from tests.core.nst.examples import CONTENT, CPU, FLOAT64, PICTURES, STYLE, resized, run


def test_a_run_starts_at_the_content_and_yields_a_record_per_update(tiny_network: VGG19) -> None:
    first, *others = run(tiny_network)
    assert (first.step, first.steps, first.width, first.height) == (0, 5, 64, 43)
    assert float(first.loss.content) == 0
    assert np.array_equal(np.asarray(first.picture()), resized(CONTENT, (64, 43)))
    assert [step.step for step in others] == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("bfloat16_units")
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_every_optimiser_lowers_the_total_in_every_number_format(
    tiny_network: VGG19, optimizer: str, precision: str
) -> None:
    losses = [
        float(step.loss.total)
        for step in run(tiny_network, steps=40, optimizer=optimizer, precision=precision)
    ]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.usefixtures("bfloat16_units")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_the_losses_of_the_result_match_their_definition_in_float64(
    tiny_network: VGG19, precision: str
) -> None:
    last = run(
        tiny_network,
        precision=precision,
        content_weight=3,
        style_weight=50,
        tv_weight=7,
        content_layers="conv3_2,conv4_2",
        style_layers="conv1_2,conv4_1",
        style_layer_weights="1,3",
    )[-1]
    content_layers: list[Layer] = ["conv3_2", "conv4_2"]
    style_layers: dict[Layer, float] = {"conv1_2": 0.25, "conv4_1": 0.75}
    double = VGG19(random_weights(seed=0), number_format=FLOAT64)
    image = torch.from_numpy(last.pixels()).double().permute(2, 0, 1)[None]
    result = double.features(image, [*content_layers, *style_layers])
    content = double.features(to_tensor(CONTENT, (64, 43), CPU).double(), content_layers)
    style = double.features(to_tensor(STYLE, (64, 56), CPU).double(), style_layers)
    content_term = sum(
        float((result[layer] - content[layer]).square().mean()) / 2 for layer in content_layers
    )
    style_term = sum(
        weight
        * float((statistics(result[layer]).gram - statistics(style[layer]).gram).square().mean())
        for layer, weight in style_layers.items()
    )
    x = image.numpy()
    tv_term = np.mean(np.diff(x, axis=3) ** 2) + np.mean(np.diff(x, axis=2) ** 2)
    assert float(last.loss.content) == pytest.approx(content_term, rel=1e-4)
    assert float(last.loss.style) == pytest.approx(style_term, rel=1e-4)
    assert float(last.loss.tv) == pytest.approx(tv_term, rel=1e-4)
    total = 3 * content_term + 50 * style_term + 7 * tv_term
    assert float(last.loss.total) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_pixels_stay_between_0_and_1(tiny_network: VGG19, optimizer: str) -> None:
    image = run(tiny_network, optimizer=optimizer, learning_rate=1)[-1].image
    assert float(image.min()) >= 0
    assert float(image.max()) <= 1


@pytest.mark.usefixtures("bfloat16_units")
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"optimizer": "lbfgs"},
        {"init": "noise", "seed": 7},
        {"precision": "bfloat16"},
        {"precision": "int8"},
        {"pyramid": "32:1.5"},
    ],
    ids=str,
)
def test_the_same_request_gives_the_same_picture(
    tiny_network: VGG19, fields: dict[str, Any]
) -> None:
    first, second = run(tiny_network, **fields)[-1], run(tiny_network, **fields)[-1]
    assert torch.equal(first.image, second.image)


def test_progress_never_decreases_and_ends_at_1(tiny_network: VGG19) -> None:
    steps = run(tiny_network, size=128, pyramid="32:2")
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert [(step.scale, step.width) for step in steps[::5]] == [
        (0, 32),
        (1, 64),
        (2, 128),
        (2, 128),
    ]
    assert (steps[-1].step, steps[-1].steps, steps[-1].scales) == (15, 15, 3)


def test_progress_counts_the_steps_of_every_scale(tiny_network: VGG19) -> None:
    steps = run(tiny_network, size=64, pyramid="32:2", steps=50)
    first_of_last_scale = next(step for step in steps if step.scale == 1)
    last = steps[-1]
    assert (first_of_last_scale.step, last.step, last.steps) == (20, 70, 70)
    assert [step.fraction for step in steps] == sorted(step.fraction for step in steps)


def test_the_last_record_at_a_scale_says_that_the_next_step_is_at_another(
    tiny_network: VGG19,
) -> None:
    steps = run(tiny_network, size=64, pyramid="32:2", steps=50)
    assert [step.step for step in steps if step.next_scale != step.scale] == [19]
    assert {step.next_scale for step in steps[19:]} == {1}


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_without_style_weight_the_result_is_the_content(
    tiny_network: VGG19, optimizer: str
) -> None:
    last = run(tiny_network, style_weight=0, optimizer=optimizer)[-1]
    assert float(last.loss.total) == 0
    assert np.array_equal(np.asarray(last.picture()), resized(CONTENT, (64, 43)))


def test_a_total_variation_weight_makes_the_picture_smoother(tiny_network: VGG19) -> None:
    without, with_tv = (run(tiny_network, tv_weight=weight, steps=20)[-1] for weight in (0, 1e5))
    assert float(with_tv.loss.tv) < float(without.loss.tv) / 2


@pytest.mark.parametrize(
    ("field", "values"), [("pooling", ("max", "average")), ("padding", ("zero", "replicate"))]
)
def test_pooling_and_padding_change_the_picture(
    tiny_network: VGG19, field: str, values: tuple[str, str]
) -> None:
    first, second = (run(tiny_network, PICTURES, **{field: value})[-1].image for value in values)
    assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_loss_that_stays_infinite_is_an_error_with_a_remedy(optimizer: str) -> None:
    weights = random_weights(seed=0)
    weights["conv1_1.bias"] = torch.full((4,), float("inf"))
    with pytest.raises(LossNotFinite, match="lower learning_rate"):
        run(VGG19(weights), optimizer=optimizer)
