"""The cores that other processes keep busy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.runtime.cpu import CpuTimes, OtherProcesses, busy_cores, busy_ticks

#: proc(5): user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice.
STAT = """\
cpu  30 300 3000 7 7 30000 300000 3000000 7 7
cpu0 10 100 1000 5 5 10000 100000 1000000 5 5
cpu1 20 200 2000 2 2 20000 200000 2000000 2 2
intr 8 9
"""


def test_only_the_given_cores_count_and_waiting_is_not_busy() -> None:
    assert busy_ticks(STAT, {0}, without_nice=False) == 1_111_110
    assert busy_ticks(STAT, {1}, without_nice=False) == 2_222_220
    assert busy_ticks(STAT, {0, 1}, without_nice=False) == 3_333_330


def test_processes_that_yield_can_be_left_out() -> None:
    assert busy_ticks(STAT, {0}, without_nice=True) == 1_111_010


def test_own_work_is_not_that_of_others() -> None:
    before = CpuTimes(wall=10, busy=50, own=7)
    assert busy_cores(before, CpuTimes(wall=12, busy=53, own=8)) == 1


def test_the_rounding_of_ticks_never_makes_others_negative() -> None:
    before = CpuTimes(wall=10, busy=50, own=7)
    assert busy_cores(before, CpuTimes(wall=11, busy=50.99, own=8)) == 0


def test_others_are_idle_where_the_system_does_not_tell(tmp_path: Path) -> None:
    assert OtherProcesses(tmp_path / "missing").cores() == 0


def test_others_may_keep_the_cores_busy_that_a_quota_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    (tmp_path / "stat").write_text(STAT)
    within_a_quota = OtherProcesses(tmp_path / "stat", spare=lambda: 1e9)
    without = OtherProcesses(tmp_path / "stat", spare=lambda: 0)
    (tmp_path / "stat").write_text(STAT.replace("cpu1 20", "cpu1 99999"))
    deadline = time.monotonic() + 30
    while not without.cores() and time.monotonic() < deadline:
        time.sleep(0.05)  # shorter intervals are not measured
    assert without.cores() > 1
    assert within_a_quota.cores() == 0


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the system has no /proc/stat")
def test_a_busy_process_is_seen() -> None:
    others = OtherProcesses()
    loop = "print(1, flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) as busy:
        assert busy.stdout
        busy.stdout.readline()
        deadline = time.monotonic() + 30
        while others.cores() < 0.3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert others.cores() >= 0.3
        busy.kill()
