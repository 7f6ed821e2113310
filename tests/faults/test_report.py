"""The page that is made of what the suite measured."""

from __future__ import annotations

from tests.faults.report import page

ROWS = [
    {"row": "R1", "fault": "Redis dies", "promise": "nothing is lost", "measure": ""},
    {"row": "W10", "fault": "f", "promise": "p", "measure": "until it ends", "seconds": "1.5"},
    {"row": "W2", "fault": "f", "promise": "p", "measure": "until it ends"},
]


def test_rows_are_in_order_and_only_what_was_measured_has_a_number() -> None:
    text = page(ROWS, lease="3", sweep="0.5")
    table = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert table == [
        "| W2 | f | p | holds |",
        "| W10 | f | p | 1.5 s until it ends |",
        "| R1 | Redis dies | nothing is lost | holds |",
    ]
    assert "is 3 s and a sweep comes every 0.5 s" in text
