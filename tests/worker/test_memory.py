"""The memory that a worker reports."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import torch

from worker.memory import DeviceMemory, PeakMemory, resident_bytes

CPU = torch.device("cpu")
MIB = 2**20


def test_the_memory_of_the_cpu_is_the_hosts() -> None:
    memory = DeviceMemory.of(CPU)
    assert memory.total == pytest.approx(psutil.virtual_memory().total, rel=0.01)
    assert 0 < memory.available < memory.total
    assert memory.available == pytest.approx(psutil.virtual_memory().available, rel=0.5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_the_memory_of_a_gpu_is_its_own() -> None:
    memory = DeviceMemory.of(torch.device("cuda"))
    assert 0 < memory.available <= memory.total


def test_a_process_reports_the_memory_that_it_occupies() -> None:
    occupied = resident_bytes()
    if not Path("/proc/self/statm").exists():
        assert occupied is None
    else:
        assert occupied == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)


def test_the_peak_includes_memory_that_was_released_since() -> None:
    memory = PeakMemory(CPU)
    before = memory.peak()
    data = b"x" * (64 * MIB)
    del data
    assert memory.peak() - before > 60 * MIB
