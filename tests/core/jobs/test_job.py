"""The states of a job, and its id."""

from __future__ import annotations

from core.jobs.job import TRANSITIONS, JobStatus, is_job_id, new_job_id


def test_a_job_is_done_exactly_in_the_states_that_lead_nowhere() -> None:
    done = {status for status in JobStatus if status.done}
    assert done == {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED}


def test_every_state_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(JobStatus)


def test_ids_sort_by_time_and_are_recognised() -> None:
    ids = [new_job_id() for _ in range(100)]
    assert ids == sorted(ids)
    assert all(is_job_id(each) for each in ids)


def test_other_spellings_are_no_ids() -> None:
    job_id = new_job_id()
    for text in ("", "x", "../etc/passwd", job_id.upper(), job_id.replace("-", ""), job_id + "\n"):
        assert not is_job_id(text), text
