"""Tensors in bands of rows."""

from __future__ import annotations

import pytest
import torch

from core.nst.network.rows.bands import Bands
from tests.core.nst.examples import uniform

WHOLE = uniform(0, 1, 3, 11, 5)


def bands() -> Bands:
    banded = Bands()
    for start, stop in ((0, 4), (4, 6), (6, 11)):
        banded.append(WHOLE[:, :, start:stop])
    return banded


@pytest.mark.parametrize("rows", [slice(0, 4), slice(1, 3), slice(3, 5), slice(2, 11), slice(6, 7)])
def test_rows_are_those_of_the_whole_tensor_in_any_bands(rows: slice) -> None:
    assert torch.equal(bands().rows(rows), WHOLE[:, :, rows])


def test_rows_of_one_band_share_its_memory() -> None:
    assert bands().rows(slice(7, 9)).data_ptr() == WHOLE[:, :, 7].data_ptr()


def test_a_band_is_freed_when_all_its_rows_are_above() -> None:
    banded = bands()
    banded.free_above(5)
    assert torch.equal(banded.rows(slice(4, 11)), WHOLE[:, :, 4:])
    banded.free_above(6)
    assert torch.equal(banded.rows(slice(6, 11)), WHOLE[:, :, 6:])
    assert banded.rows(slice(4, 11)).shape[2] == 5  # rows 4 and 5 are gone


def test_the_mean_square_is_over_all_bands() -> None:
    assert bands().mean_square() == pytest.approx(float(WHOLE.square().mean()))


def test_another_number_format_has_the_same_rows() -> None:
    double = bands().to(torch.float64)
    assert double.dtype is torch.float64
    assert torch.equal(double.whole(), WHOLE.double())
