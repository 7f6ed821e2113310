"""How many jobs a worker runs at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.settings.model import Settings
from worker.host import concurrency
from worker.host.concurrency import number_of_workers


@pytest.fixture(autouse=True)
def eight_cores_and_64_gib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(concurrency, "cores", lambda: 8.0)
    monkeypatch.setattr(concurrency, "memory_limit", lambda: 64 * 2**30)
    monkeypatch.setattr(concurrency, "_GPU_FILES", (tmp_path / "nvidiactl",))


def test_a_worker_runs_one_job_at_a_time_by_default() -> None:
    assert number_of_workers(Settings()) == 1


def test_a_number_is_taken_as_it_is() -> None:
    assert number_of_workers(Settings(workers=3, device="cuda")) == 3


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_auto_uses_the_cores_of_a_machine_without_a_gpu(device: str) -> None:
    assert number_of_workers(Settings(workers="auto", device=device)) == 8


@pytest.mark.parametrize(
    ("device", "workers"), [("auto", 1), ("cuda", 1), ("cuda:1", 1), ("mps", 1), ("cpu", 8)]
)
def test_auto_is_one_job_on_a_gpu(tmp_path: Path, device: str, workers: int) -> None:
    (tmp_path / "nvidiactl").touch()
    assert number_of_workers(Settings(workers="auto", device=device)) == workers
