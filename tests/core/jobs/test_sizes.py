"""The largest size of a job."""

from __future__ import annotations

import pytest

from core.jobs.footprint import footprint
from core.jobs.sizes import accepted_size, offered_size
from core.jobs.workers import WorkerInfo
from core.params import Precision, StyleParams

GIB = 2**30


def worker(memory: int | None, precision: Precision | None = Precision.INT8) -> WorkerInfo:
    return WorkerInfo(
        id="w", device="cpu", networks=(), memory_total_bytes=memory, precision=precision
    )


def test_a_setting_counts_whatever_the_workers_have() -> None:
    for workers in ([], [worker(None)], [worker(GIB)], [worker(1000 * GIB)]):
        assert accepted_size(777, workers) == offered_size(777, workers) == 777


@pytest.mark.parametrize("workers", [[], [worker(None)]])
def test_it_is_2048_while_no_workers_memory_is_known(workers: list[WorkerInfo]) -> None:
    assert accepted_size(None, workers) == offered_size(None, workers) == 2048


def test_where_the_memory_is_known_the_pixels_of_a_picture_decide() -> None:
    assert accepted_size(None, [worker(2 * GIB)]) == 16384
    # A worker of unknown memory may be too small for anything larger.
    assert accepted_size(None, [worker(2 * GIB), worker(None)]) == 2048


@pytest.mark.parametrize("memory", [2 * GIB, 8 * GIB, 32 * GIB])
def test_the_largest_square_that_fits_the_largest_worker_is_offered(memory: int) -> None:
    offered = offered_size(None, [worker(GIB), worker(memory)])
    needed = footprint(StyleParams(), Precision.INT8).needed
    assert needed(offered**2) <= memory < needed((offered + 3) ** 2)


def test_no_memory_makes_the_offered_size_larger_than_16384() -> None:
    assert offered_size(None, [worker(10_000 * GIB)]) == 16384


def test_the_precision_of_a_worker_counts() -> None:
    fast, slow = (offered_size(None, [worker(8 * GIB, each)]) for each in (Precision.INT8, None))
    assert fast > slow
