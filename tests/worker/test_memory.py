"""How much memory a worker reports."""

from __future__ import annotations

import psutil
import pytest
import torch

from worker.memory import memory_of, resident_bytes


def test_the_hosts_memory_is_what_the_system_says() -> None:
    memory = memory_of(torch.device("cpu"))
    assert memory.total == pytest.approx(psutil.virtual_memory().total, rel=0.01)
    assert 0 < memory.available < memory.total
    assert memory.available == pytest.approx(psutil.virtual_memory().available, rel=0.5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpus_memory_is_its_own() -> None:
    memory = memory_of(torch.device("cuda"))
    assert 0 < memory.available <= memory.total


def test_a_process_says_how_much_it_holds() -> None:
    held = resident_bytes()
    assert held is None or 10 * 2**20 < held < memory_of(torch.device("cpu")).total
