"""The fair share of the cores that runs beside other processes are compared with."""

from __future__ import annotations

import pytest

from bench.beside import BUSY
from bench.neighbours import Row, fair_seconds

#: On two cores.
SECONDS = {"alone": 4.1, "alone, spinning": 4.0, "alone, 1 thread": 6.0}


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        (0.0, 4.0),  # both cores
        (1.0, 6.0),  # one core
        (2.0, 9.0),  # two thirds of a core: three processes take turns on two
        (0.5, 2 + 4 / 1.5),  # one and a half: 2 s cannot be divided, the other 4 can
    ],
)
def test_a_fair_share_is_what_taking_turns_leaves(demand: float, expected: float) -> None:
    row = Row("beside another", beside=(BUSY,), demand=demand)
    assert fair_seconds(row, 2, SECONDS) == pytest.approx(expected)


def test_two_runs_are_compared_with_one_after_the_other() -> None:
    assert fair_seconds(Row("two", (0, 0)), 2, SECONDS) == pytest.approx(8.2)
