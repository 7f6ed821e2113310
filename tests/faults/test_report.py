"""The page that the fault suite's measurements become."""

from __future__ import annotations

from tests.faults.report import page

ROWS = [
    {"row": "R1", "fault": "Redis dies", "promise": "nothing is lost", "measure": ""},
    {"row": "W10", "fault": "f", "promise": "p", "measure": "until it ends", "seconds": "1.5"},
    {"row": "W2", "fault": "f", "promise": "p", "measure": "until it ends"},
]


def test_rows_are_sorted_and_only_measured_ones_have_a_number() -> None:
    text = page(ROWS, [], lease="3", sweep="0.5")
    table = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("| ")][1:]
    assert table == [
        "| W2 | f | p | holds |",
        "| W10 | f | p | 1.5 s until it ends |",
        "| R1 | Redis dies | nothing is lost | holds |",
    ]
    assert "the lease is 3 s and the sweep interval 0.5 s" in text


def test_a_soak_row_counts_what_was_killed_and_resumed() -> None:
    run = {
        "seed": 2,
        "jobs": 200,
        "seconds": 264,
        "killed": {"worker": 10, "api": 9},
        "attempts": {"1": 190, "2": 8, "3": 2},
        "cut": "cut off",
    }
    assert "| 2 | 200 | api 9 times, worker 10 times | 10 | 264 | cut off |\n" in page(
        [], [run], lease="3", sweep="0.5"
    )
