"""The sizes of the scales, as a table."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.nst.schedule import Stage, scales, stages


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
def test_scales_begin_at_the_smallest_and_grow_by_about_the_ratio(
    size: int, pyramid: str, expected: tuple[int, ...]
) -> None:
    assert scales(size, pyramid) == expected


@given(st.integers(64, 8192), st.integers(32, 1000), st.floats(1.2, 8))
def test_scales_grow_to_the_size(size: int, smallest: int, ratio: float) -> None:
    found = scales(size, f"{smallest}:{ratio}")
    assert found[-1] == size
    assert list(found) == sorted(set(found))
    if len(found) > 1:
        assert found[0] == smallest
        for below, above in pairwise(found):
            # At worst the growth lies in the middle between two whole powers of the ratio.
            assert ratio**0.5 - 0.1 < above / below < ratio**1.5 + 0.1
    else:
        assert size / smallest < ratio**0.5 + 0.01


@pytest.mark.parametrize(
    ("sides", "steps", "expected"),
    [
        ((512,), 30, [Stage(512, 30, 0, last=True)]),
        ((64, 128), 30, [Stage(64, 30, 30, last=False), Stage(128, 30, 15, last=True)]),
        ((64, 128), 41, [Stage(64, 40, 40, last=False), Stage(128, 41, 20, last=True)]),
        (
            (64, 128, 256),
            500,
            [
                Stage(64, 40, 40, last=False),
                Stage(128, 40, 40, last=False),
                Stage(256, 500, 250, last=True),
            ],
        ),
        ((64, 128), 1, [Stage(64, 1, 1, last=False), Stage(128, 1, 0, last=True)]),
    ],
)
def test_sketches_take_at_most_forty_steps_and_half_of_the_last_scale_may_be_rough(
    sides: tuple[int, ...], steps: int, expected: list[Stage]
) -> None:
    assert list(stages(sides, steps)) == expected
