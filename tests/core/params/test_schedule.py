"""The schedule: sizes, steps, number formats and progress."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.params import StyleParams
from core.params.schedule import Phase, Schedule, pyramid_sizes, schedule


@pytest.mark.parametrize(
    ("size", "pyramid", "expected"),
    [
        (512, "off", (512,)),
        (512, "128:2", (128, 256, 512)),
        (512, "256:2", (256, 512)),
        (500, "128:2", (128, 253, 500)),
        (700, "64:2", (64, 142, 315, 700)),
        (1000, "64:2", (64, 127, 253, 503, 1000)),
        (90, "64:2", (90,)),
        (91, "64:2", (64, 91)),
        (64, "128:2", (64,)),
        (256, "256:2", (256,)),
        (100, "128:2", (100,)),
        (1024, "256:2", (256, 512, 1024)),
        (512, "128:1.42", (128, 181, 256, 362, 512)),
        (512, "200:1.5", (200, 320, 512)),
    ],
)
def test_sizes_start_at_the_smallest_and_grow_by_about_the_ratio(
    size: int, pyramid: str, expected: tuple[int, ...]
) -> None:
    assert pyramid_sizes(size, pyramid) == expected


@given(st.integers(64, 16384), st.integers(32, 1000), st.floats(1.2, 8))
def test_sizes_increase_to_the_size_of_the_result(size: int, smallest: int, ratio: float) -> None:
    sizes = pyramid_sizes(size, f"{smallest}:{ratio}")
    assert sizes[-1] == size
    assert list(sizes) == sorted(set(sizes))
    if len(sizes) > 1:
        assert sizes[0] == smallest
        for below, above in pairwise(sizes):
            # The growth is at most half a power of the ratio away from a whole one.
            assert ratio**0.5 - 0.1 < above / below < ratio**1.5 + 0.1
    else:
        assert size / smallest < ratio**0.5 + 0.01


def int8_phase(size: int, steps: int) -> Phase:
    return Phase(size, steps, int8=True)


def plan(size: int, steps: int, pyramid: str = "64:2", **options: Any) -> Schedule:
    return schedule(StyleParams(size=size, steps=steps, pyramid=pyramid), **options)


@pytest.mark.parametrize(
    ("size", "steps", "expected"),
    [
        (128, 16, [int8_phase(64, 16), int8_phase(128, 8), Phase(128, 8)]),
        (128, 41, [int8_phase(64, 20), int8_phase(128, 20), Phase(128, 21)]),
        (
            256,
            500,
            [int8_phase(64, 20), int8_phase(128, 20), int8_phase(256, 250), Phase(256, 250)],
        ),
        (128, 1, [int8_phase(64, 1), Phase(128, 1)]),
    ],
)
def test_smaller_sizes_take_at_most_20_steps_and_the_last_has_two_phases(
    size: int, steps: int, expected: list[Phase]
) -> None:
    assert list(plan(size, steps).phases) == expected


def test_a_single_size_has_one_exact_phase() -> None:
    assert plan(512, 30, "off").phases == (Phase(512, 30),)


def test_unusable_sizes_are_left_out_except_the_last() -> None:
    assert plan(512, 30, usable=lambda size: size > 100).sizes == (128, 256, 512)
    assert plan(512, 30, usable=lambda _: False).phases == (Phase(512, 30),)


def test_progress_counts_the_steps_of_all_phases() -> None:
    two_sizes = plan(128, 10)  # 10 steps at 64, and two phases of 5 at 128
    assert two_sizes.steps == 20
    assert [two_sizes.steps_until(1, 3), two_sizes.steps_until(2, 5)] == [13, 20]
    assert (two_sizes.fraction_until(0, 0), two_sizes.fraction_until(2, 5)) == (0, 1)


@pytest.mark.parametrize(
    ("size", "least", "most"),
    [(128, 2, 3.5), (1024, 3.8, 4)],  # small pictures cost more than their pixels
)
def test_progress_weighs_a_step_by_the_size_of_the_picture(
    size: int, least: float, most: float
) -> None:
    two_sizes = plan(size, 10, pyramid=f"{size // 2}:2")
    smaller, larger = (
        two_sizes.fraction_until(phase, 1) - two_sizes.fraction_until(phase, 0) for phase in (0, 1)
    )
    assert least < larger / smaller < most
    assert two_sizes.fraction_until(1, 0) == pytest.approx(10 * smaller)
    assert two_sizes.fraction_until(2, 0) == pytest.approx(10 * smaller + 5 * larger)


def test_steps_with_8_bit_features_weigh_less() -> None:
    exact, int8 = plan(128, 10), plan(128, 10, int8_cost=0.5)
    assert int8.fraction_until(2, 0) < exact.fraction_until(2, 0)
    assert int8.fraction_until(2, 5) == 1


def test_a_position_counts_the_steps_of_all_phases() -> None:
    two_sizes = plan(128, 10)
    positions = [two_sizes.position(made) for made in (0, 9, 10, 14, 15, 19, 20)]
    assert positions == [(0, 0), (0, 9), (1, 0), (1, 4), (2, 0), (2, 4), (2, 5)]


@pytest.mark.parametrize(
    ("steps", "new", "made", "expected"),
    [
        # At the smaller size: it gets its new steps, but keeps those that were made.
        (10, 16, 4, [int8_phase(64, 16), int8_phase(128, 8), Phase(128, 8)]),
        (10, 2, 4, [int8_phase(64, 4), int8_phase(128, 1), Phase(128, 1)]),
        (10, 1, 4, [int8_phase(64, 4), Phase(128, 1)]),
        # At the last size, in 8 bits and afterwards: the steps in both count.
        (10, 16, 12, [int8_phase(64, 10), int8_phase(128, 8), Phase(128, 8)]),
        (10, 3, 12, [int8_phase(64, 10), int8_phase(128, 2), Phase(128, 1)]),
        (10, 2, 14, [int8_phase(64, 10), int8_phase(128, 4)]),
        (10, 16, 17, [int8_phase(64, 10), int8_phase(128, 5), Phase(128, 11)]),
        (10, 6, 17, [int8_phase(64, 10), int8_phase(128, 5), Phase(128, 2)]),
        (10, 12, 20, [int8_phase(64, 10), int8_phase(128, 5), Phase(128, 7)]),
        (10, 12, 0, [int8_phase(64, 12), int8_phase(128, 6), Phase(128, 6)]),
    ],
)
def test_a_schedule_goes_on_with_other_steps_and_keeps_those_made(
    steps: int, new: int, made: int, expected: list[Phase]
) -> None:
    changed = plan(128, steps).going_on_as(plan(128, new), made)
    assert list(changed.phases) == expected


@given(st.integers(1, 40), st.integers(0, 80), st.sampled_from(["off", "64:2", "32:1.5"]))
def test_a_schedule_that_goes_on_as_itself_does_not_change(
    steps: int, made: int, pyramid: str
) -> None:
    same = plan(128, steps, pyramid)
    assert same.going_on_as(same, min(made, same.steps)) == same


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (4, [int8_phase(64, 4), Phase(128, 0)]),
        (12, [int8_phase(64, 10), int8_phase(128, 2)]),
        (20, [int8_phase(64, 10), int8_phase(128, 5), Phase(128, 5)]),
    ],
)
def test_a_schedule_that_ends_early_ends_at_the_last_size(made: int, expected: list[Phase]) -> None:
    ended = plan(128, 10).ending_at(made)
    assert list(ended.phases) == expected
    assert (ended.steps, ended.position(made)[0]) == (made, len(expected) - 1)
    assert ended.fraction_until(*ended.position(made)) == 1


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (28, {512: 20, 1024: 20, 2048: 14, 4096: 7, 8192: 4}),
        (12, {512: 12, 1024: 12, 2048: 6, 4096: 3, 8192: 2}),
        (1, {512: 1, 1024: 1, 2048: 1, 4096: 1, 8192: 1}),
    ],
)
def test_scales_beyond_1024_take_fewer_steps(steps: int, expected: dict[int, int]) -> None:
    found: dict[int, int] = {}
    for phase in plan(8192, steps).phases:
        found[phase.size] = found.get(phase.size, 0) + phase.steps
    assert {size: found[size] for size in expected} == expected


def test_a_large_picture_without_a_smaller_scale_takes_all_steps() -> None:
    assert plan(4096, 28, "off").steps == 28
