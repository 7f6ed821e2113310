"""Which jobs a batch has, and what their results are called."""

from __future__ import annotations

import pytest

from core.jobs.batch import BatchMode, Combination, combinations, member_names


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (BatchMode.GRID, [(0, (0,)), (0, (1,)), (1, (0,)), (1, (1,))]),
        (BatchMode.PAIRS, [(0, (0,)), (1, (1,))]),
        (BatchMode.BLEND, [(0, (0, 1)), (1, (0, 1))]),
    ],
)
def test_the_mode_says_which_pictures_make_a_job(
    mode: BatchMode, expected: list[tuple[int, tuple[int, ...]]]
) -> None:
    assert combinations(mode, 2, 2) == expected


def names(mode: BatchMode, contents: list[str], styles: list[str]) -> list[str]:
    jobs = combinations(mode, len(contents), len(styles))
    return member_names(jobs, dict(enumerate(contents)), dict(enumerate(styles)))


def test_a_result_has_the_name_of_its_photograph() -> None:
    assert names(BatchMode.GRID, ["beach.jpg", "dir/cat.final.png"], ["a.jpg"]) == [
        "beach",
        "cat.final",
    ]


def test_a_photograph_with_several_paintings_has_their_names_too() -> None:
    assert names(BatchMode.GRID, ["beach.jpg"], ["sky.jpg", ""]) == ["beach-sky", "beach-style-2"]
    assert names(BatchMode.BLEND, ["beach.jpg"], ["sky.jpg", "sea.jpg"]) == ["beach"]


def test_equal_and_missing_names_are_numbered() -> None:
    assert names(BatchMode.GRID, ["a.jpg", "a.png", "", "a.jpg"], ["s"]) == [
        "a",
        "a-2",
        "content-3",
        "a-3",
    ]


@pytest.mark.parametrize("name", ["../../passwd", "C:\\x\\passwd.jpg", "/etc/passwd", "?passwd"])
def test_a_name_has_no_folders_and_no_characters_that_a_system_refuses(name: str) -> None:
    assert member_names([Combination(0, (0,))], {0: name}, {0: ""}) == ["passwd"]


def test_names_differ_by_more_than_the_case_of_their_letters() -> None:
    jobs = [Combination(0, (0,)), Combination(1, (0,))]
    assert member_names(jobs, {0: "A.jpg", 1: "a.png"}, {0: ""}) == ["A", "a-2"]
