"""How the jobs on a host share its cores and its memory."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
import torch

from core.jobs.footprint import footprint, graph_bytes
from core.jobs.sharing import gpu_memory_share, memory_share, threads_for_job, workers_for
from core.nst.optimizers.lbfgs import LBFGS
from core.nst.optimizers.optimizer import device_steps
from core.nst.optimizers.point import LossTerms, Point
from core.params import LARGE_PIXELS, Precision, StyleParams

GIB, MIB = 2**30, 2**20

PAGE = Path(__file__).parent.parent.parent.parent / "docs/operations.md"

#: ``| 8 | 16 GiB | 5 |``: cores, memory, and what ``auto`` chooses.
ROW = re.compile(r"^\| ([\d.]+) \| ([\d.]+) GiB \| (\d+) \|$", re.MULTILINE)


def test_auto_chooses_what_the_documentation_says() -> None:
    rows = ROW.findall(PAGE.read_text())
    assert len(rows) >= 6
    for cores, memory, workers in rows:
        assert workers_for(float(cores), int(float(memory) * GIB)) == int(workers), (cores, memory)


def test_each_worker_of_auto_has_memory_for_a_job_of_1024() -> None:
    needed = footprint(StyleParams(size=1024), None).needed(1024 * 1024)
    for cores, memory in product((1, 2, 8, 64), (4, 8, 16, 64, 512)):
        workers = workers_for(cores, memory * GIB)
        assert 1 <= workers <= cores
        assert memory_share(memory * GIB, workers) >= needed


@pytest.mark.parametrize(("cores", "memory"), [(0.5, 8), (64, 0.5)])
def test_auto_is_one_worker_where_there_is_no_room_for_two(cores: float, memory: float) -> None:
    assert workers_for(cores, int(memory * GIB)) == 1


def test_the_shares_fit_together_with_the_parent_process_and_the_caches() -> None:
    kept = (80 + 3 * 128) * 2**20
    shares = [memory_share(8 * GIB, 3)] * 3
    assert 8 * GIB - 1.1 * kept < sum(shares) < 8 * GIB - kept
    assert memory_share(1, 3) == 0


@pytest.mark.parametrize("precision", [Precision.BFLOAT16, Precision.FLOAT32])
@pytest.mark.parametrize(("total", "free"), [(24, 23), (24, 9), (141, 139)])
def test_a_job_that_fits_a_share_of_a_gpu_fits_beside_its_graph_cuda_and_neighbours(
    precision: Precision, total: int, free: int
) -> None:
    share = gpu_memory_share(total * GIB, free * GIB, 1, precision)
    beside = graph_bytes(precision) + (128 + 400) * MIB
    assert share + beside == free * GIB  # which is less than the GPU has
    half = gpu_memory_share(total * GIB, total * GIB, 2, precision)
    assert 2 * (half + graph_bytes(precision) + (128 + 700) * MIB) == total * GIB


def test_a_gpu_without_room_for_a_graph_has_no_share() -> None:
    assert gpu_memory_share(8 * GIB, GIB, 1, Precision.BFLOAT16) == 0
    assert gpu_memory_share(8 * GIB, 8 * GIB, 1, None) == (
        gpu_memory_share(8 * GIB, 8 * GIB, 1, Precision.FLOAT32)
    )


def test_a_graph_has_memory_for_an_evaluation_and_the_state_of_the_optimiser_three_times() -> None:
    image = torch.zeros(1, 3, 512, 512)
    zero = torch.zeros(())
    point = Point(image, LossTerms(zero, zero, zero, zero), image)
    state = sum(each.nbytes for each in device_steps(LBFGS(1.0), point).buffers())
    evaluation = footprint(StyleParams(), Precision.FLOAT32).whole.bytes_per_pixel
    of_a_pixel = graph_bytes(Precision.FLOAT32) / LARGE_PIXELS
    kept = 1.1 * 12 * StyleParams().optimizer.kept_pictures  # the run's own, part of the footprint
    assert of_a_pixel == pytest.approx(evaluation - kept + 3 * state / 512**2, rel=0.01)


@pytest.mark.parametrize(
    ("running", "waiting", "workers", "threads"),
    [
        pytest.param(1, 0, 4, 8, id="alone"),
        pytest.param(1, 9, 1, 8, id="the others wait until it has ended"),
        pytest.param(1, 1, 4, 4, id="one more starts soon"),
        pytest.param(1, 9, 4, 2, id="all workers have jobs soon"),
        pytest.param(4, 9, 4, 2, id="all workers have jobs"),
        pytest.param(3, 0, 4, 2, id="a third of the cores, rounded down"),
        pytest.param(2, 0, 1, 4, id="beside a job of another deployment"),
        pytest.param(20, 0, 4, 1, id="more jobs than cores"),
    ],
)
def test_a_job_gets_its_share_of_eight_cores(
    running: int, waiting: int, workers: int, threads: int
) -> None:
    assert threads_for_job(8, running=running, waiting=waiting, workers=workers) == threads


@pytest.mark.parametrize(
    ("others", "threads"),
    [(0.0, 8), (0.3, 8), (1.0, 7), (7.0, 1), (9.0, 1)],
)
def test_a_job_alone_leaves_out_the_cores_that_other_programs_keep_busy(
    others: float, threads: int
) -> None:
    alone = threads_for_job(8, running=1, waiting=0, workers=1, others=others)
    assert alone == threads


def test_a_job_beside_others_of_easel_has_its_share_of_the_cores_they_keep_busy() -> None:
    assert threads_for_job(8, running=2, waiting=0, workers=2, others=8.0) == 4


def test_half_a_core_is_one_thread() -> None:
    assert threads_for_job(0.5, running=1, waiting=0, workers=1) == 1
