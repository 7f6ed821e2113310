"""Pieces of binary data."""

from __future__ import annotations

import pytest

from core.blobs.pieces import cut, size_of


@pytest.mark.parametrize(
    "lengths", [[], [0], [4], [8], [9], [1, 2, 3, 4], [100], [3, 0, 100, 5], [4, 4, 1]]
)
def test_pieces_are_cut_into_equal_lengths_and_a_rest(lengths: list[int]) -> None:
    data = bytes(range(sum(lengths)))
    view, pieces, start = memoryview(data), [], 0
    for length in lengths:
        pieces.append(view[start : start + length])
        start += length
    found = list(cut(pieces, 4))
    assert b"".join(found) == data
    assert size_of(pieces) == len(data)
    assert [len(each) for each in found[:-1]] == [4] * (len(found) - 1)
    assert all(1 <= len(each) <= 4 for each in found)
