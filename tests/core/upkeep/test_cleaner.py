"""What is needed, decided from the records alone."""

from __future__ import annotations

import pytest

from core.jobs.job import RETENTION
from core.upkeep.retention import TOMBSTONE, survey

DAY, WEEK = RETENTION.total_seconds(), TOMBSTONE.total_seconds()
NOW = 1_800_000_000.0
A, B = "a" * 64, "b" * 64


def record(job_id: str = "1", **fields: object) -> dict[str, str]:
    return {"id": job_id, **{name: str(value) for name, value in fields.items()}}


def test_an_unfinished_job_needs_every_blob_that_it_names_in_any_field() -> None:
    job = record(status="running", inputs=f'{{"sha256": "{A}"}}', checkpoint=B, started_at=NOW)
    assert survey([job], NOW).needed == {A, B}


@pytest.mark.parametrize(
    ("age", "needed", "forgotten"),
    [
        (0, {A}, ()),
        (DAY - 1, {A}, ()),
        (DAY, set(), ()),
        (DAY + WEEK - 1, set(), ()),
        (DAY + WEEK, set(), ("1",)),
    ],
)
def test_a_finished_job_loses_its_files_after_a_day_and_its_record_after_a_week_more(
    age: float, needed: set[str], forgotten: tuple[str, ...]
) -> None:
    job = record(result=A, finished_at=NOW - age, retention_seconds=DAY)
    found = survey([job], NOW)
    assert set(found.needed) == needed
    assert found.forgotten == forgotten


def test_each_job_has_the_retention_that_it_was_created_with() -> None:
    jobs = [
        record("1", result=A, finished_at=NOW - 100, retention_seconds=99),
        record("2", result=B, finished_at=NOW - 100, retention_seconds=101),
        record("3", result="c" * 64, finished_at=NOW - 100),  # older than the setting
    ]
    assert survey(jobs, NOW).needed == {B, "c" * 64}


def test_a_blob_that_two_jobs_name_is_needed_until_both_have_expired() -> None:
    old, new = (record(result=A, finished_at=NOW - age) for age in (DAY + 1, 1))
    assert survey([old, new], NOW).needed == {A}
    assert survey([old, old], NOW).needed == set()


def test_what_unfinished_jobs_have_written_since_their_start_may_yet_be_named() -> None:
    jobs = [
        record("1", status="queued"),
        record("2", status="running", started_at=NOW - 500),
        record("3", status="running", started_at=NOW - 9000),
        record("4", status="succeeded", started_at=NOW - 10_000, finished_at=NOW - 1),
    ]
    assert survey(jobs, NOW).working_since == NOW - 9000
    assert survey([], NOW).working_since == NOW
