"""The sizes of the scales, as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.nst.pyramid import scales


@pytest.mark.parametrize(
    ("size", "pyramid", "expected"),
    [
        (512, "off", (512,)),
        (512, "128:2", (128, 256, 512)),
        (512, "256:2", (256, 512)),
        (500, "128:2", (250, 500)),
        (256, "256:2", (256,)),
        (100, "128:2", (100,)),
        (1024, "256:2", (256, 512, 1024)),
        (512, "128:1.42", (179, 254, 361, 512)),
        (512, "200:1.5", (228, 341, 512)),
    ],
)
def test_scales_go_down_by_the_ratio_and_not_below_the_smallest(
    size: int, pyramid: str, expected: tuple[int, ...]
) -> None:
    assert scales(size, pyramid) == expected


@given(st.integers(64, 8192), st.integers(32, 1000), st.floats(1.2, 8))
def test_scales_grow_to_the_size(size: int, smallest: int, ratio: float) -> None:
    found = scales(size, f"{smallest}:{ratio}")
    assert found[-1] == size
    assert list(found) == sorted(set(found))
    assert all(side >= smallest for side in found[:-1])
