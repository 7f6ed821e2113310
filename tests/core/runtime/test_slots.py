"""The number of jobs that run on a host, counted over processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.runtime.slots import Slots

#: A process that runs a job until its standard input ends.
CODE = """
import sys
from pathlib import Path
from core.runtime.slots import Slots
slots = Slots(Path(sys.argv[1]))
slots.take()
print(slots.count(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start_job(
    tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[[], tuple[subprocess.Popen[str], int]]:
    """Starts a job in another process, and returns it and the jobs that it counts."""

    def start() -> tuple[subprocess.Popen[str], int]:
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(tmp_path / "jobs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

        def end() -> None:
            process.kill()
            process.communicate()

        request.addfinalizer(end)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    return start


def test_jobs_are_counted_over_processes(
    tmp_path: Path, start_job: Callable[[], tuple[subprocess.Popen[str], int]]
) -> None:
    slots = Slots(tmp_path / "jobs")
    assert slots.count() == 0
    slots.take()
    assert slots.count() == 1
    counted = [start_job()[1] for _ in range(2)]
    assert counted == [2, 3]
    assert slots.count() == 3
    slots.release()
    assert slots.count() == 2
    slots.close()


def test_a_killed_process_is_no_longer_counted(
    tmp_path: Path, start_job: Callable[[], tuple[subprocess.Popen[str], int]]
) -> None:
    slots = Slots(tmp_path / "jobs")
    process, _ = start_job()
    assert slots.count() == 1
    process.kill()
    process.wait()
    assert slots.count() == 0
    slots.close()


def test_a_job_is_counted_once_however_often_the_jobs_are_counted(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "jobs")
    slots.take()
    assert [slots.count() for _ in range(3)] == [1, 1, 1]
    slots.close()
