"""Whether there is room for one more job, and when there will be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.admission import Admission, Load, largest_size, memory_needed
from core.errors import InvalidRequest, QueueFull, TooManyJobs
from core.params import MIN_SIZE, StyleParams
from core.workers import WorkerInfo

GIB = 2**30


def admission(*memories: int | None, queue: int = 10, caller: int = 3) -> Admission:
    workers = tuple(
        WorkerInfo(id=str(number), device="cpu", networks=(), memory_total_bytes=memory)
        for number, memory in enumerate(memories)
    )
    return Admission("somebody", queue, caller, workers)


def test_there_is_room_below_the_limits() -> None:
    admission().check_load(Load(queued=9, unfinished=2, run_seconds=None))


@pytest.mark.parametrize("queued", [10, 11])
def test_a_full_queue_is_said_with_its_length_and_limit(queued: int) -> None:
    with pytest.raises(QueueFull, match=f"{queued} jobs wait already, and 10 are allowed"):
        admission().check_load(Load(queued=queued, unfinished=0, run_seconds=1))


def test_too_many_jobs_of_a_caller_are_said_with_the_remedy() -> None:
    with pytest.raises(TooManyJobs, match=r"3 of your jobs are unfinished.* cancel one"):
        admission().check_load(Load(queued=0, unfinished=3, run_seconds=1))


@pytest.mark.parametrize(
    ("queued", "run_seconds", "workers", "expected"),
    [
        (10, 40.0, 1, 40),  # one job has to end
        (10, 40.0, 4, 10),
        (14, 40.0, 4, 50),
        (10, 40.0, 0, 40),
        (10, 0.01, 1, 1),
        (999, 60.0, 1, 300),
        (10, None, 1, 10),
    ],
)
def test_the_time_to_wait_follows_from_what_runs_took(
    queued: int, run_seconds: float | None, workers: int, expected: int
) -> None:
    with pytest.raises(QueueFull) as caught:
        admission(*[None] * workers).check_load(Load(queued, 0, run_seconds))
    assert caught.value.retry_after == expected


def test_a_job_that_fits_into_one_of_the_workers_is_taken() -> None:
    admission(1 * GIB, 8 * GIB).check_memory(1024, 1024 * 1024)


def test_a_job_that_fits_into_none_is_refused_with_the_size_that_would() -> None:
    with pytest.raises(InvalidRequest) as caught:
        admission(2 * GIB, 4 * GIB).check_memory(2048, 2048 * 2048)
    (error,) = caught.value.errors
    assert error.field == "size"
    assert error.message.startswith("2048 needs about 11.9 GiB of memory, and the largest worker")
    assert "has 4.0 GiB" in error.message
    fits = int(error.message.rpartition(" ")[2])
    assert memory_needed(fits * fits) <= 4 * GIB < memory_needed((fits + 3) ** 2)


def test_a_worker_that_is_too_small_for_any_job_is_said_to_be() -> None:
    with pytest.raises(InvalidRequest, match="no size would fit"):
        admission(GIB // 2).check_memory(64, 64 * 64)


def test_where_a_worker_does_not_say_or_none_is_there_the_job_is_taken() -> None:
    for memories in ((), (None,), (1, None)):
        admission(*memories).check_memory(8192, 8192 * 8192)


@given(
    size=st.integers(MIN_SIZE, 8192),
    width=st.integers(300, 6000),
    height=st.integers(300, 6000),
    memory=st.integers(GIB, 200 * GIB),
)
def test_the_size_that_is_said_to_fit_does(size: int, width: int, height: int, memory: int) -> None:
    def pixels(size: int) -> int:
        long, short = StyleParams.model_construct(size=size).scaled_size((width, height), "x")
        return long * short

    if size * min(width, height) / max(width, height) < 100:
        return  # so thin that rounding a side to pixels moves more than the estimate is good for
    fits = largest_size(size, pixels(size), memory)
    if fits is not None and fits * min(width, height) / max(width, height) >= 100:
        assert memory_needed(pixels(fits)) <= memory * 1.01


#: Peaks of whole processes on two x86 cores, printed by ``python -m bench.memory``.
MEASURED_MIB = {256: 1069, 512: 1588, 768: 2409, 1024: 3562}


@pytest.mark.parametrize("size", MEASURED_MIB)
def test_the_estimate_is_a_little_above_what_was_measured(size: int) -> None:
    estimate = memory_needed(size * size) / 2**20
    assert 1.0 < estimate / MEASURED_MIB[size] < 1.15
