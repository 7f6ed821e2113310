"""Edits of a job's parameters: what may change, and how a job records it."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import InvalidRequest
from core.params import StyleParams, parse_params
from core.params.edits import (
    Edits,
    dump_edits,
    edited,
    parse_edits,
    tuned,
    with_edit,
    with_finish,
)
from core.params.model import TUNABLE

PARAMS = StyleParams()


def test_the_weights_and_the_steps_may_change() -> None:
    assert set(TUNABLE) >= {"strength", "steps", "content_weight", "style_weight", "style_scale"}
    assert not {"size", "seed", "optimizer", "pyramid", "color"} & set(TUNABLE)


@pytest.mark.parametrize(
    ("fields", "changes", "expected"),
    [
        ({}, {"strength": 0.7}, {"strength": 0.7}),
        ({"strength": 0.7}, {"strength": None}, {"strength": 0.5}),
        ({"preset": "classic"}, {"strength": 0.7}, {"strength": 0.7, "style_weight": None}),
        ({"preset": "classic"}, {"style_weight": None}, {"style_weight": None}),
        ({"preset": "classic"}, {"tv_weight": 3}, {"style_weight": 20, "tv_weight": 3}),
        ({}, {"style_weight": 9}, {"style_weight": 9, "style_statistics": "gram"}),
        (
            {},
            {"style_weight": 9, "style_statistics": "covariance"},
            {"style_weight": 9},
        ),
        ({"preset": "fast"}, {"steps": None}, {"steps": 12}),
        ({}, {"style_blend": [1, 2]}, {"style_blend": (1, 2)}),
        ({}, {"style_blend": "1,2"}, {"style_blend": (1, 2)}),
    ],
    ids=str,
)
def test_a_change_means_what_it_means_in_a_request(
    fields: dict[str, Any], changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = parse_params(fields)
    assert tuned(before, changes) == before.model_copy(update=expected)


def test_the_first_edit_has_the_first_values_of_all_that_changed() -> None:
    params, edits = with_edit(PARAMS, (), {"strength": 0.7})
    params, edits = with_edit(params, _taken(edits, 3), {"style_scale": 2, "strength": 0.8})
    params, edits = with_edit(params, _taken(edits, 9), {"strength": 0.9})
    assert params == PARAMS.model_copy(update={"strength": 0.9, "style_scale": 2})
    assert [(edit.step, edit.params) for edit in edits] == [
        (0, {"strength": 0.5, "style_scale": 1}),
        (3, {"strength": 0.7}),
        (9, {"strength": 0.8, "style_scale": 2}),
        (None, {"strength": 0.9}),
    ]
    assert edited(params, edits[:1]) == PARAMS
    assert edited(params, edits) == params


def test_changes_that_no_worker_has_taken_are_one_edit() -> None:
    params, edits = with_edit(PARAMS, (), {"strength": 0.7})
    params, edits = with_edit(params, edits, {"strength": 0.8, "quality": 50})
    edits = with_finish(edits)
    assert dump_edits(edits[1:]) == (
        '[{"step":null,"params":{"strength":0.8,"quality":50},"finish":true}]'
    )
    assert with_finish(edits) == edits


def test_the_edits_of_a_job_are_the_same_text_when_it_is_posted_again() -> None:
    """Results contain it, and have the same bytes again."""
    params, edits = with_edit(PARAMS, (), {"quality": 50})
    params, edits = with_edit(params, edits, {"strength": 0.8})
    edits = _taken(edits, 5)
    _, posted = parse_edits(dump_edits(edits), params)
    assert dump_edits(posted) == dump_edits(edits)


def test_a_change_to_the_same_value_is_no_edit() -> None:
    assert with_edit(PARAMS, (), {"strength": 0.5}) == (PARAMS, ())


def test_the_parameters_and_edits_of_a_job_describe_the_same_job_again() -> None:
    params, edits = with_edit(parse_params({"preset": "classic"}), (), {"strength": 0.7})
    params, edits = with_edit(params, _taken(edits, 5), {"style_weight": 30, "steps": 40})
    edits = _taken(edits, 8)
    assert parse_edits(dump_edits(edits), params) == (params, edits)


def test_a_posted_edit_gets_the_first_values() -> None:
    params, edits = parse_edits('[{"step": 4, "params": {"strength": 0.9}}]', PARAMS)
    assert params.strength == 0.9
    assert dump_edits(edits) == (
        '[{"step":0,"params":{"strength":0.5}},{"step":4,"params":{"strength":0.9}}]'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "edits: .*[Ii]nvalid JSON"),
        ("3", "edits: .*input should be a valid array"),
        ('[{"step": 1}]', "edits: 0.params: .* is invalid: field required"),
        ('[{"step": -1, "params": {}}]', "edits: 0.step: -1 is invalid: input should be greater"),
        ('[{"step": null, "params": {}}]', "edits: has the steps .* expected a step for each"),
        (
            '[{"step": 3, "params": {}}, {"step": 2, "params": {}}]',
            r"edits: has the steps \[3, 2\]; expected .* ascending order",
        ),
        ('[{"step": 3, "params": {"size": 9}}]', "edits: size: cannot change during a run"),
        ('[{"step": 3, "params": {"strength": 9}}]', "edits: strength: 9 is invalid"),
        (
            '[{"step": 3, "params": {}, "finish": true}, {"step": 4, "params": {}}]',
            "edits: goes on after an edit with finish",
        ),
    ],
)
def test_invalid_edits_name_the_place_and_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        parse_edits(text, PARAMS)


def _taken(edits: Edits, step: int) -> Edits:
    """Return edits as they are once a worker has taken the last one."""
    return (*edits[:-1], edits[-1].model_copy(update={"step": step}))
