"""The schedule: sizes, steps, content factors and progress, as plain data."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.nst.schedule import Phase, Schedule, pyramid_sizes, schedule
from core.params import StyleParams


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
def test_sizes_begin_at_the_smallest_and_grow_by_about_the_ratio(
    size: int, pyramid: str, expected: tuple[int, ...]
) -> None:
    assert pyramid_sizes(size, pyramid) == expected


@given(st.integers(64, 8192), st.integers(32, 1000), st.floats(1.2, 8))
def test_sizes_grow_strictly_and_end_at_the_size_of_the_result(
    size: int, smallest: int, ratio: float
) -> None:
    sizes = pyramid_sizes(size, f"{smallest}:{ratio}")
    assert sizes[-1] == size
    assert list(sizes) == sorted(set(sizes))
    if len(sizes) > 1:
        assert sizes[0] == smallest
        for below, above in pairwise(sizes):
            # At worst the growth lies halfway between two whole powers of the ratio.
            assert ratio**0.5 - 0.1 < above / below < ratio**1.5 + 0.1
    else:
        assert size / smallest < ratio**0.5 + 0.01


def coarse(size: int, steps: int) -> Phase:
    return Phase(size, steps, content_factor=1.6, adaptive=True, int8=True)


def returning(size: int, steps: int) -> Phase:
    return Phase(size, steps, content_factor=2, int8=True)


def plan(size: int, steps: int, pyramid: str = "64:2", **options: Any) -> Schedule:
    return schedule(StyleParams(size=size, steps=steps, pyramid=pyramid), **options)


@pytest.mark.parametrize(
    ("size", "steps", "expected"),
    [
        (128, 30, [coarse(64, 30), returning(128, 15), Phase(128, 15)]),
        (128, 41, [coarse(64, 40), returning(128, 20), Phase(128, 21)]),
        (
            256,
            500,
            [coarse(64, 40), coarse(128, 40), returning(256, 250), Phase(256, 250)],
        ),
        (128, 1, [coarse(64, 1), Phase(128, 1)]),
    ],
)
def test_small_sizes_take_forty_steps_and_the_content_returns_in_half_of_the_last(
    size: int, steps: int, expected: list[Phase]
) -> None:
    assert list(plan(size, steps).phases) == expected


def test_a_single_size_is_painted_with_the_weights_of_the_request() -> None:
    assert plan(512, 30, "off").phases == (Phase(512, 30),)


def test_sizes_at_which_the_pictures_cannot_be_used_are_left_out() -> None:
    assert plan(512, 30, usable=lambda size: size > 100).sizes == (128, 256, 512)
    assert plan(512, 30, usable=lambda _: False).phases == (Phase(512, 30),)


def test_progress_counts_steps_by_their_cost() -> None:
    two = plan(128, 10)  # 10 steps at 64, 5 and 5 at 128
    assert two.steps == 20
    assert [two.steps_until(1, 3), two.steps_until(2, 5)] == [13, 20]
    small, large = 64**2 + 88**2, 128**2 + 88**2
    assert two.fraction_until(0, 0) == 0
    done = (10 * small + 3 * large) / (10 * small + 10 * large)
    assert two.fraction_until(1, 3) == pytest.approx(done)
    assert two.fraction_until(2, 5) == 1


def test_steps_in_8_bits_count_less() -> None:
    exact, int8 = plan(128, 10), plan(128, 10, int8=True)
    assert int8.fraction_until(2, 0) < exact.fraction_until(2, 0)
    assert int8.fraction_until(2, 5) == 1
