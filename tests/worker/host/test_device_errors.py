"""The errors of a device over the processes of a worker."""

from __future__ import annotations

from pathlib import Path

from worker.host.device_errors import DeviceErrors


def test_three_errors_in_a_row_in_two_jobs_take_a_worker_out_of_service(tmp_path: Path) -> None:
    file = tmp_path / "errors"
    for job_id in ("a", "a", "b"):
        assert DeviceErrors(file).problem() is None
        DeviceErrors(file).add(job_id, "CUDA error: unknown error\nmore")  # by another process
    problem = DeviceErrors(file).problem()
    assert problem is not None
    assert problem.startswith("the device failed 3 times in a row, last with: CUDA error: unknown")
    assert "more" not in problem


def test_a_picture_in_between_ends_the_row(tmp_path: Path) -> None:
    errors = DeviceErrors(tmp_path / "errors")
    for job_id in ("a", "b"):
        errors.add(job_id, "CUDA error")
    errors.clear()
    errors.add("c", "CUDA error")
    assert errors.problem() is None


def test_one_job_that_fails_everywhere_does_not_take_a_worker_out_of_service(
    tmp_path: Path,
) -> None:
    errors = DeviceErrors(tmp_path / "errors")
    for _ in range(9):
        errors.add("a", "CUDA error")
    assert errors.problem() is None


def test_an_event_that_ends_all_processes_of_a_worker_counts_once(tmp_path: Path) -> None:
    errors = DeviceErrors(tmp_path / "errors", processes=4)
    for job_id in "abcd" * 2 + "abc":
        errors.add(job_id, "CUDA error: uncorrectable ECC error encountered")
    assert errors.problem() is None
    errors.add("d", "CUDA error: uncorrectable ECC error encountered")
    assert errors.problem() is not None


def test_errors_that_cannot_be_counted_change_nothing(tmp_path: Path) -> None:
    for errors in (DeviceErrors(None), DeviceErrors(tmp_path / "missing" / "errors")):
        errors.add("a", "CUDA error")
        errors.clear()
        assert errors.problem() is None
