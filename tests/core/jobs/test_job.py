"""Statuses and ids of jobs."""

from __future__ import annotations

from core.jobs.job import is_job_id, new_job_id
from core.jobs.status import JobStatus


def test_exactly_the_statuses_without_transitions_are_final() -> None:
    done = {status for status in JobStatus if status.done}
    assert done == {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED}


def test_job_ids_sort_by_time_and_are_valid() -> None:
    ids = [new_job_id() for _ in range(100)]
    assert ids == sorted(ids)
    assert all(is_job_id(each) for each in ids)


def test_other_spellings_are_not_job_ids() -> None:
    job_id = new_job_id()
    for text in ("", "x", "../etc/passwd", job_id.upper(), job_id.replace("-", ""), job_id + "\n"):
        assert not is_job_id(text), text
