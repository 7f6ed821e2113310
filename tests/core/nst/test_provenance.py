"""The record of a run, from which the same picture is made again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from core.nst import VGG19, Run, Step, stylize
from core.nst.provenance import machine_of, provenance_of, use_threads_of
from core.params import Precision, StyleParams
from core.params.edits import Edit, edited, with_edit
from core.pictures.provenance.record import Digests, Provenance
from tests.core.nst.examples import PICTURES, small_params

INPUTS = Digests(content="c", style=("s",))
PARAMS = small_params(pyramid="32:2", steps=6, precision="float32")


def record(run: Run, last: Step, params: StyleParams, network: VGG19) -> Provenance:
    text = provenance_of(run, last, params, network, INPUTS).model_dump_json()
    return Provenance.parse(text)


def again(made: Provenance, network: VGG19) -> Step:
    *_, last = stylize(PICTURES, made.params, network, edits=made.edits)
    return last


def test_a_run_is_made_again_with_its_changes(tiny_network: VGG19) -> None:
    run = stylize(PICTURES, PARAMS, tiny_network)
    for step in run:
        if step.step in (2, 8):
            run.change(strength=step.step / 10)
    made = record(run, step, PARAMS, tiny_network)
    assert made.params == PARAMS
    assert [(each.step, each.params) for each in made.edits] == [
        (2, {"strength": 0.2}),
        (8, {"strength": 0.8}),
    ]
    assert torch.equal(again(made, tiny_network).image, step.image)


def test_a_run_that_was_cut_off_is_made_again_to_this_step(tiny_network: VGG19) -> None:
    run = stylize(PICTURES, PARAMS, tiny_network)
    step = next(each for each in run if each.step == 9)
    assert step.step < step.steps
    made = record(run, step, PARAMS, tiny_network)
    assert made.edits == (Edit(step=9, params={}, finish=True),)
    last = again(made, tiny_network)
    assert (last.step, last.steps) == (9, 9)
    assert torch.equal(last.image, step.image)


def test_a_change_after_the_last_step_counts(tiny_network: VGG19) -> None:
    run = stylize(PICTURES, PARAMS, tiny_network)
    *_, last = run
    run.change(quality=50)
    made = record(run, last, PARAMS, tiny_network)
    assert edited(made.params, made.edits).quality == 50


def test_a_job_and_its_replay_have_the_same_record(tiny_network: VGG19) -> None:
    """A replay is posted with the last parameters, and edits that begin with the first ones."""
    run = stylize(PICTURES, PARAMS, tiny_network)
    for last in run:
        if last.step == 4:
            run.change(strength=0.9)
    posted, (first, change) = with_edit(PARAMS, (), {"strength": 0.9})
    edits = (first, change.model_copy(update={"step": 4}))
    replay = stylize(PICTURES, posted, tiny_network, edits=edits)
    *_, replayed = replay
    assert record(replay, replayed, posted, tiny_network) == record(run, last, PARAMS, tiny_network)


@pytest.mark.parametrize(
    ("precision", "name"),
    [(Precision.FLOAT32, "float32"), (Precision.BFLOAT16, "bfloat16")],
)
@pytest.mark.usefixtures("bfloat16_units")
def test_the_machine_is_described(precision: Precision, name: str, tiny_weights: Any) -> None:
    network = VGG19(tiny_weights, digest="abc")
    machine = machine_of(network.using(network.number_format), precision, 5)
    assert (machine.network, machine.precision, machine.memory) == ("abc", name, 5)
    assert machine.torch == torch.__version__
    assert machine.threads == torch.get_num_threads()


def test_the_memory_is_recorded_only_for_pictures_in_strips(tiny_network: VGG19) -> None:
    run = stylize(PICTURES, PARAMS, tiny_network, memory=2**34)
    *_, last = run
    assert record(run, last, PARAMS, tiny_network).machine.memory is None
    scale = replace(last._scale, styles=(torch.empty(1, 3, 1025, 1024),))
    large = replace(last, _scale=scale)
    assert record(run, large, PARAMS, tiny_network).machine.memory == 2**34


def test_the_threads_of_a_run_are_used_again(tiny_network: VGG19) -> None:
    threads = torch.get_num_threads()
    machine = machine_of(tiny_network, Precision.FLOAT32, 5)
    try:
        use_threads_of(machine.model_copy(update={"threads": threads + 3}))
        assert torch.get_num_threads() == threads + 3
        use_threads_of(machine.model_copy(update={"threads": None}))  # of a GPU
        assert torch.get_num_threads() == threads + 3
    finally:
        torch.set_num_threads(threads)
