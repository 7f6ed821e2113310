"""The strips of a picture, and how many rows they have."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.nst.network.rows.strips import (
    MOST_ELEMENTS,
    activations_at_once,
    block_strips,
    strips_of,
)
from core.params import Layer

GIB = 2**30
#: Layers of blocks, their filters, and how often the picture was halved before.
BLOCKS: list[tuple[list[Layer], int, int]] = [
    (["conv1_1", "conv1_2"], 64, 0),
    (["conv3_1", "conv3_2", "conv3_3", "conv3_4"], 256, 2),
    (["conv5_1"], 512, 4),
]


@pytest.mark.parametrize("height", [1, 2, 3, 17, 32, 33])
@pytest.mark.parametrize("rows", [2, 4, 64])
def test_every_row_belongs_to_one_strip_that_computes_it_with_a_halo(
    height: int, rows: int
) -> None:
    strips = strips_of(height, rows, halo=4)
    owned = [row for strip in strips for row in range(strip.own.start, strip.own.stop)]
    assert owned == list(range(height))
    for strip in strips:
        assert strip.own.start % 2 == strip.computed.start % 2 == 0
        assert strip.computed.start == max(0, strip.own.start - 4)
        assert strip.computed.stop == min(height, strip.own.stop + 4)
        assert strip.own.stop - strip.own.start >= min(2, height)


@given(
    memory=st.integers(GIB, 64 * GIB),
    width=st.integers(16, 16384),
    height=st.integers(16, 16384),
)
def test_a_strip_takes_a_tenth_of_the_memory_at_most_or_has_two_rows(
    memory: int, width: int, height: int
) -> None:
    at_once = activations_at_once(height, width, memory)
    if at_once == 64 * height * width:
        assert height * width <= 2**20
        return
    for layers, filters, halved in BLOCKS:
        for strip in block_strips(layers, height >> halved, width >> halved, at_once):
            rows = strip.own.stop - strip.own.start
            # An odd last row joins the strip before it.
            assert rows <= 3 or (rows - rows % 2) * filters * (width >> halved) * 24 <= memory / 10


def test_more_memory_makes_higher_strips_up_to_128_rows() -> None:
    def rows(memory: int) -> int:
        at_once = activations_at_once(8192, 8192, memory)
        first = block_strips(["conv1_1", "conv1_2"], 8192, 8192, at_once)[0].own
        return int(first.stop - first.start)

    assert rows(GIB) < rows(4 * GIB) < rows(16 * GIB)
    assert rows(64 * GIB) == rows(256 * GIB) == 128


def test_a_small_picture_is_computed_whole_where_its_memory_suffices() -> None:
    whole = 64 * 1024 * 1024
    assert activations_at_once(1024, 1024, 4 * GIB) == whole
    assert activations_at_once(1024, 1024, 2 * GIB) < whole
    assert activations_at_once(1024, 1025, 64 * GIB) < whole


def test_a_gpu_computes_all_pictures_whole_that_fit() -> None:
    assert activations_at_once(4096, 4096, 80 * GIB, on_gpu=True) == 64 * 4096 * 4096
    assert activations_at_once(8192, 8192, 80 * GIB, on_gpu=True) < 64 * 8192 * 8192


@given(
    memory=st.integers(GIB, 4000 * GIB),
    width=st.integers(16, 16384),
    height=st.integers(16, 16384),
)
@example(memory=4000 * GIB, width=16384, height=16384)
@example(memory=4000 * GIB, width=5793, height=5793)  # 64 features of each pixel: over 2^31
def test_no_tensor_of_a_gpu_has_more_elements_than_32_bits_count(
    memory: int, width: int, height: int
) -> None:
    at_once = activations_at_once(height, width, memory, on_gpu=True)
    for layers, filters, halved in BLOCKS:
        for strip in block_strips(layers, height >> halved, width >> halved, at_once):
            rows = strip.computed.stop - strip.computed.start
            assert filters * rows * (width >> halved) <= MOST_ELEMENTS
    assert 3 * width * height <= MOST_ELEMENTS  # the picture and its gradient have no strips
