"""The threads of a job, beside others on the same host."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.nst.network import devices
from core.runtime.slots import Slots
from core.settings.model import Settings
from worker.host import cores as module
from worker.host.cores import SharedCores, open_slots


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "cores", lambda: 8.0)
    monkeypatch.setattr(devices, "_MAX_THREADS", 8)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


#: A process that runs a job until its standard input ends.
OTHER_JOB = """
import sys
from pathlib import Path
from core.runtime.slots import Slots
slots = Slots(Path(sys.argv[1]))
slots.take()
print("started", flush=True)
sys.stdin.read()
"""


def test_a_job_computes_with_its_share_of_the_cores(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "jobs")
    with SharedCores(slots, lambda: 0, workers=4).job():
        assert torch.get_num_threads() == 8
        assert slots.count() == 1
    assert slots.count() == 0
    with SharedCores(slots, lambda: 1, workers=4).job():
        assert torch.get_num_threads() == 4
    slots.close()


def test_a_job_leaves_cores_to_those_of_other_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OTHER_JOB, str(tmp_path / "jobs")]
    slots = Slots(tmp_path / "jobs")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"started\n"
        with SharedCores(slots).job():
            assert torch.get_num_threads() == 4
        other.communicate()
    with SharedCores(slots).job():
        assert torch.get_num_threads() == 8
    slots.close()


def test_a_job_that_fails_is_no_longer_counted(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "jobs")
    with pytest.raises(ZeroDivisionError), SharedCores(slots).job():
        raise ZeroDivisionError
    assert slots.count() == 0
    slots.close()


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP, whose threads can sleep")
@pytest.mark.parametrize(("others", "sleep"), [(1.0, False), (2.0, True)])
def test_threads_sleep_only_if_others_need_more_cores_than_the_job_leaves(
    others: float, sleep: bool
) -> None:
    readings = iter([1.0])  # at the claim: the job takes 7 of 8 cores
    adjusted = threading.Semaphore(0)

    def read() -> float:
        adjusted.release()
        return next(readings, others)

    with SharedCores(None, others=read).job():
        assert torch.get_num_threads() == 7
        for _ in range(4):  # the claim, and the second look after one whose effect is over
            assert adjusted.acquire(timeout=30)
        names = [thread.name for thread in threading.enumerate()]
    assert any("idle_team" in name for name in names) is sleep


def test_the_jobs_of_a_user_are_counted_in_the_runtime_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    one = open_slots(Settings())
    assert one is not None
    one.take()
    assert list(tmp_path.rglob("running-jobs")) == [tmp_path / "easel/running-jobs"]
    one.close()


def test_without_a_runtime_directory_a_job_counts_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "easel").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        slots = open_slots(Settings())
    assert slots is None
    assert "set XDG_RUNTIME_DIR" in caplog.text
    with SharedCores(slots, lambda: 9, workers=2).job():
        assert torch.get_num_threads() == 4
