"""The random edits of a seed, and how they are compared with a record."""

from __future__ import annotations

import random

import pytest

from bench.service.edits import VALUES, Changes, are_joined, changes_of
from core.params import StyleParams
from core.params.edits import tuned
from core.params.model import TUNABLE


def test_every_tunable_parameter_is_changed_and_every_value_is_valid() -> None:
    assert VALUES.keys() == set(TUNABLE)
    generator = random.Random(1)
    for _ in range(100):
        tuned(StyleParams(), changes_of(generator))


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], False),
        ([{"a": 1}, {"a": 2}, {"b": 1}], True),
        ([{"a": 2}, {"b": 1}], True),
        ([{"a": 1}, {"a": 2, "b": 1}], True),
        ([{"a": 2, "b": 1}], True),
        ([{"a": 1}, {"b": 1}], False),
        ([{"a": 1}, {"a": 2}], False),
        ([{"b": 1}, {"a": 2}], False),
        ([{"a": 1}, {"a": 2}, {"b": 1}, {"b": 1}], False),
    ],
    ids=str,
)
def test_edits_are_those_accepted_if_they_are_joined_in_order(
    edits: list[Changes], expected: bool
) -> None:
    accepted: list[Changes] = [{"a": 1}, {"a": 2}, {"b": 1}]
    assert are_joined(edits, accepted) is expected
