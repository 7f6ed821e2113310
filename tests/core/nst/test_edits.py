"""Edits: parameters that change between two steps of a run."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
import torch

from core.errors import CheckpointMismatch, InvalidRequest
from core.nst import VGG19, Pictures, Run, Step, stylize
from core.nst.network.pixels import to_tensor
from core.nst.network.precision import INT8
from core.nst.objective import Objective
from core.nst.scale import Scales
from core.params.edits import Edit
from core.params.schedule import Phase
from tests.core.nst.examples import CONTENT, CPU, OTHER, PICTURES, STYLE, small_params

TWO_STYLES = Pictures(CONTENT, [STYLE, OTHER])

#: Two scales of five and six steps; the last has two phases of three.
TWO_SCALES = {"pyramid": "32:2", "steps": 6, "precision": "int8"}

CHANGES = [
    {"strength": 0.9},
    {"content_weight": 20},
    {"style_weight": 300},
    {"tv_weight": 50},
    {"style_blend": "1,4"},
    {"style_scale": 0.6},
    {"style_statistics": "gram"},
    {"style_layer_weights": "5,1,1,1,1"},
    {"steps": 9},
    {"steps": 2},
]


def edited_run(
    network: VGG19, edits: Mapping[int, Mapping[str, object]], **fields: Any
) -> tuple[Run, list[Step]]:
    """Return a run whose parameters were changed after some steps, and its records."""
    run = stylize(TWO_STYLES, small_params(**fields), network)
    steps = []
    for step in run:
        steps.append(step)
        if step.step in edits:
            run.change(**edits[step.step])
    return run, steps


@pytest.mark.usefixtures("bfloat16_units")
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_a_change_before_the_first_step_is_a_parameter_of_the_request(
    tiny_network: VGG19, changes: dict[str, Any]
) -> None:
    fields = {"optimizer": "lbfgs", **TWO_SCALES}
    _, steps = edited_run(tiny_network, {0: changes}, **fields)
    *_, posted = stylize(TWO_STYLES, small_params(**{**fields, **changes}), tiny_network)
    assert torch.equal(steps[-1].image, posted.image)
    assert [step.step for step in steps] == list(range(posted.steps + 1))


@pytest.mark.usefixtures("bfloat16_units")
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("at", [1, 6, 8, 9, 12])
@pytest.mark.parametrize("changes", CHANGES[5:], ids=str)
def test_the_edits_of_a_run_replay_to_the_same_picture(
    tiny_network: VGG19, changes: dict[str, Any], at: int, optimizer: str
) -> None:
    fields = {"optimizer": optimizer, **TWO_SCALES}
    run, steps = edited_run(tiny_network, {at: changes}, **fields)
    assert [edit.step for edit in run.edits] == [at]
    replayed = list(stylize(TWO_STYLES, small_params(**fields), tiny_network, edits=run.edits))
    assert torch.equal(replayed[-1].image, steps[-1].image)
    assert [step.step for step in replayed] == [step.step for step in steps]


@pytest.mark.usefixtures("bfloat16_units")
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_run_resumed_at_any_step_makes_the_later_edits_again(
    tiny_network: VGG19, optimizer: str
) -> None:
    fields = {"optimizer": optimizer, **TWO_SCALES}
    edits: dict[int, dict[str, object]] = {
        2: {"strength": 0.8},
        4: {"style_scale": 0.8},
        7: {"style_blend": "3,1"},
        8: {"steps": 10, "style_scale": 1.5},
        11: {"strength": 0.2},
    }
    run, steps = edited_run(tiny_network, edits, **fields)
    assert len(steps) == 6 + 10 + 1
    for step, following in pairwise(steps):
        resumed = stylize(
            TWO_STYLES, small_params(**fields), tiny_network, step.checkpoint(), run.edits
        )
        assert next(resumed).step == step.step
        # The checkpoint is all that later steps depend on.
        assert next(resumed).checkpoint() == following.checkpoint()
        if step.step in (1, 6):
            *_, last = resumed
            assert (last.step, torch.equal(last.image, steps[-1].image)) == (16, True)


def test_a_scale_ends_when_the_styles_become_too_small_for_it(tiny_network: VGG19) -> None:
    run, steps = edited_run(tiny_network, {3: {"style_scale": 0.4}}, **TWO_SCALES)
    assert [step.width for step in steps] == [32] * 4 + [64] * 6
    *_, replayed = stylize(
        TWO_STYLES, small_params(**TWO_SCALES), tiny_network, steps[6].checkpoint(), run.edits
    )
    assert torch.equal(replayed.image, steps[-1].image)


def test_a_change_at_the_last_step_goes_on_if_it_adds_steps(tiny_network: VGG19) -> None:
    run, steps = edited_run(tiny_network, {5: {"steps": 8, "strength": 1}, 8: {"strength": 0}})
    assert [step.step for step in steps] == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    *_, replayed = stylize(TWO_STYLES, small_params(), tiny_network, edits=run.edits)
    assert torch.equal(replayed.image, steps[-1].image)


@pytest.mark.parametrize("changes", CHANGES[:8], ids=str)
def test_an_objective_with_changed_weights_is_the_objective_made_with_them(
    tiny_network: VGG19, changes: dict[str, Any]
) -> None:
    content, *styles = (to_tensor(each, (48, 40), CPU) for each in (CONTENT, STYLE, OTHER))
    before, after = small_params(), small_params(**changes)
    changed = Objective(tiny_network, content, styles, before).changed(after)
    image = to_tensor(OTHER, (48, 40), CPU)
    loss, gradient = changed.with_gradient(image)
    expected, of_expected = Objective(tiny_network, content, styles, after).with_gradient(image)
    assert torch.equal(torch.stack(loss), torch.stack(expected))
    assert torch.equal(gradient, of_expected)


@pytest.mark.usefixtures("bfloat16_units")
@pytest.mark.parametrize("changes", CHANGES[:8], ids=str)
def test_the_objective_in_8_bits_is_the_same_if_the_weights_change_later(
    tiny_network: VGG19, changes: dict[str, Any]
) -> None:
    scales = Scales(TWO_STYLES, small_params(), tiny_network.using(INT8))
    after = scales.with_params(small_params(**changes))
    phase = Phase(size=64, steps=3, int8=True)
    scale = scales.at(64)
    quantised = scale.objective_in(phase)
    scale = after.changed(scale)
    image = to_tensor(OTHER, (scale.width, scale.height), CPU)
    loss, gradient = scale.objective_in(phase, quantised).with_gradient(image)
    expected, of_expected = scale.objective_in(phase).with_gradient(image)
    assert torch.equal(torch.stack(loss), torch.stack(expected))
    assert torch.equal(gradient, of_expected)


def test_after_a_change_the_loss_is_that_of_the_new_weights(tiny_network: VGG19) -> None:
    _, steps = edited_run(tiny_network, {2: {"content_weight": 7, "style_weight": 13}})
    for step, alpha, beta in ((steps[1], 1, steps[1].balance.style), (steps[4], 7, 13)):
        total = alpha * step.loss.content + beta * step.loss.style
        assert float(step.loss.total) == pytest.approx(float(total), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 128}, "size: cannot change during a run; what can is strength, steps"),
        ({"sizes": 128}, "sizes: is not a parameter"),
        ({"strength": 2}, "strength: 2 is invalid: input should be less than or equal to 1"),
        ({"style_blend": "1,2,3"}, "style_blend: has 3 weights"),
        ({"style_layer_weights": "1"}, "style_layer_weights: .* expected 5 weights"),
        ({"style_scale": 0.1}, "style: would be 6x5 pixels at size 6; expected at least 16"),
    ],
)
def test_an_invalid_change_is_an_error_and_the_run_goes_on_unchanged(
    tiny_network: VGG19, changes: dict[str, Any], message: str
) -> None:
    *_, expected = stylize(TWO_STYLES, small_params(), tiny_network)
    run = stylize(TWO_STYLES, small_params(), tiny_network)
    next(run)
    with pytest.raises(InvalidRequest, match=message):
        run.change(**changes)
    *_, last = run
    assert torch.equal(last.image, expected.image)


@pytest.mark.usefixtures("bfloat16_units")
@pytest.mark.parametrize("at", [0, 3, 6, 9])
def test_a_finished_run_ends_with_its_picture_at_the_full_size(
    tiny_network: VGG19, at: int
) -> None:
    run = stylize(TWO_STYLES, small_params(**TWO_SCALES), tiny_network)
    steps = []
    for step in run:
        steps.append(step)
        if step.step == at:
            run.finish()
    assert [each.step for each in steps] == [*range(at + 1), at]
    if at > 6:  # at the last scale, the picture is that of the last step
        assert torch.equal(steps[-1].image, steps[-2].image)
    assert (step.step, step.steps, step.fraction) == (at, at, 1)
    assert (step.width, step.height) == (64, 43)
    *_, replayed = stylize(TWO_STYLES, small_params(**TWO_SCALES), tiny_network, edits=run.edits)
    assert torch.equal(replayed.image, step.image)


def test_a_run_finished_at_a_small_scale_keeps_the_detail_of_the_photograph(
    tiny_network: VGG19,
) -> None:
    run = stylize(PICTURES, small_params(**TWO_SCALES, strength=0), tiny_network)
    for step in run:
        if step.step == 2:
            run.finish()
    photograph = to_tensor(CONTENT, (64, 43), CPU)
    assert float((step.image - photograph).abs().mean()) < 1e-3


def test_a_checkpoint_belongs_to_the_edits_before_it(tiny_network: VGG19) -> None:
    _, steps = edited_run(tiny_network, {1: {"strength": 0.9}})
    other = (Edit(step=1, params={"strength": 0.8}),)
    with pytest.raises(CheckpointMismatch, match="other pictures or parameters"):
        next(stylize(TWO_STYLES, small_params(), tiny_network, steps[3].checkpoint(), other))
    next(stylize(TWO_STYLES, small_params(), tiny_network, steps[1].checkpoint(), other))
