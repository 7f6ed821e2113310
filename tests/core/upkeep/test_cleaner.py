"""Decisions about retention, from job records alone."""

from __future__ import annotations

import json

import pytest

from core.jobs.job import RETENTION, TOMBSTONE
from core.upkeep.retention import survey

DAY, WEEK = RETENTION.total_seconds(), TOMBSTONE.total_seconds()
NOW = 1_800_000_000.0
A, B = "a" * 64, "b" * 64


def record(job_id: str = "1", **fields: object) -> dict[str, str]:
    return {"id": job_id, **{name: str(value) for name, value in fields.items()}}


def test_an_unfinished_job_needs_every_blob_in_any_field() -> None:
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
def test_files_expire_after_a_day_and_the_record_a_week_later(
    age: float, needed: set[str], forgotten: tuple[str, ...]
) -> None:
    job = record(result=A, finished_at=NOW - age, retention_seconds=DAY)
    result = survey([job], NOW)
    assert set(result.needed) == needed
    assert result.forgotten == forgotten


@pytest.mark.parametrize(
    ("state", "due", "forgotten"),
    [
        ("pending", NOW + DAY, ()),
        ("pending", NOW - 3600, ()),
        ("pending", NOW - 2 * DAY, ("1",)),  # nothing will send it
        ("delivered", None, ("1",)),
    ],
)
def test_a_record_is_kept_until_its_webhooks_are_delivered(
    state: str, due: float | None, forgotten: tuple[str, ...]
) -> None:
    delivery = {"state": state} if due is None else {"state": state, "next_attempt_at": due}
    deliveries = json.dumps({"job.succeeded": delivery})
    job = record(finished_at=NOW - DAY - WEEK, retention_seconds=DAY, deliveries=deliveries)
    assert survey([job], NOW).forgotten == forgotten


def test_each_job_keeps_its_own_retention_time() -> None:
    jobs = [
        record("1", result=A, finished_at=NOW - 100, retention_seconds=99),
        record("2", result=B, finished_at=NOW - 100, retention_seconds=101),
        record("3", result="c" * 64, finished_at=NOW - 100),  # created before the setting existed
    ]
    assert survey(jobs, NOW).needed == {B, "c" * 64}


def test_a_shared_blob_is_needed_until_both_jobs_have_expired() -> None:
    old, new = (record(result=A, finished_at=NOW - age) for age in (DAY + 1, 1))
    assert survey([old, new], NOW).needed == {A}
    assert survey([old, old], NOW).needed == set()


def test_unnamed_blobs_are_kept_since_the_oldest_unfinished_job_started() -> None:
    jobs = [
        record("1", status="queued"),
        record("2", status="running", started_at=NOW - 500),
        record("3", status="running", started_at=NOW - 9000),
        record("4", status="succeeded", started_at=NOW - 10_000, finished_at=NOW - 1),
    ]
    assert survey(jobs, NOW).working_since == NOW - 9000
    assert survey([], NOW).working_since == NOW
