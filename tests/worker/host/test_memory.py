"""The memory that a worker reports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from core.jobs.sharing import memory_share
from core.runtime.resources import memory_available, memory_limit
from worker.host.memory import DeviceMemory, WorkerMemory, resident_bytes

CPU = torch.device("cpu")
MIB = 2**20


def test_the_memory_of_the_cpu_is_what_this_process_may_use() -> None:
    memory = DeviceMemory.of(CPU)
    assert memory.total == memory_limit()
    assert 0 < memory.available < memory.total
    assert memory.available == pytest.approx(memory_available(), rel=0.5)


def test_workers_share_the_memory_of_their_device() -> None:
    share = WorkerMemory(CPU, 4).measure()
    assert share.total == memory_share(memory_limit(), 4)
    assert 0 <= share.available <= share.total


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_the_share_of_a_gpu_stays_what_it_was_at_the_start() -> None:
    gpu = torch.device("cuda")
    memory = WorkerMemory(gpu, 1)
    before = memory.measure()
    taken = torch.ones(2**28, device=gpu)  # 1 GiB
    assert memory.measure().total == before.total < DeviceMemory.of(gpu).total
    del taken


def test_a_process_reports_the_memory_that_it_occupies() -> None:
    occupied = resident_bytes()
    if not Path("/proc/self/statm").exists():
        assert occupied is None
    else:
        assert occupied == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)


def test_the_peak_includes_memory_that_was_released_since() -> None:
    # In a process of its own: here, other tests may have left a higher peak.
    code = f"""
import mmap, torch
from worker.host.memory import PeakMemory
memory = PeakMemory(torch.device("cpu"))
before = memory.peak()
with mmap.mmap(-1, 1024 * {MIB}) as pages:
    for page in range(0, len(pages), mmap.PAGESIZE):
        pages[page] = 1
print(memory.peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 900 * MIB
