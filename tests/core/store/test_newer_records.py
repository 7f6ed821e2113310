"""Every part of Easel ignores newer records and logs that once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import cast

import pytest
from redis import Redis

from core.blobs.blobs import Blobs
from core.errors import NewerRecord
from core.jobs.job import RETENTION, TOMBSTONE, Job, Metrics
from core.jobs.schema_version import newer_schema, versioned
from core.queue.app import JobQueue, Messages, make_celery
from core.store.jobs import JobStore
from core.store.keys import LEASES_CHECKED
from core.store.webhooks.outbox import Outbox
from core.upkeep.cleaner import Cleaner
from core.upkeep.reaper import Reaper
from tests.conftest import photo, some_progress, stored
from tests.core.store.test_jobs import RESULT, claimed, new_job, position
from tests.core.store.webhooks import test_outbox

NEWER = "2"

#: Added to the times of leases, so that a reaper finds them expired.
LONG_AGO = -1e6


def make_newer(redis: Redis, job: Job, schema: str = NEWER) -> dict[str, str]:
    """Give a record a newer schema version and an unknown field."""
    redis.hset(key(job), mapping={"schema": schema, "canvas": '{"weave":"linen"}'})
    return record(redis, job)


def key(job: Job) -> str:
    return f"easel:job:{job.id}"


def record(redis: Redis, job: Job) -> dict[str, str]:
    return cast("dict[str, str]", redis.hgetall(key(job)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"schema": "1"}, None),
        ({"schema": 1}, None),
        ({"schema": "2"}, "2"),
        ({"schema": 10}, "10"),
        ({"schema": "1.1"}, "1.1"),
        ({"schema": "next"}, "next"),
    ],
)
def test_an_unknown_schema_version_is_newer(
    fields: dict[str, object], expected: str | None
) -> None:
    assert newer_schema(fields) == expected


def test_only_later_schema_versions_have_a_suffix() -> None:
    assert versioned("easel.jobs", 1) == versioned("easel.jobs") == "easel.jobs"
    assert versioned("easel.jobs", 2) == "easel.jobs.2"


@pytest.mark.parametrize("schema", ["2", "11", "next"])
@pytest.mark.parametrize(
    "change",
    [
        lambda store, job: store.claim(job.id),
        lambda store, job: store.cancel(job.id),
        lambda store, job: store.delete(job.id),
    ],
    ids=["claim", "cancel", "delete"],
)
def test_a_newer_record_is_not_changed(
    store: JobStore, redis: Redis, change: Callable[[JobStore, Job], object], schema: str
) -> None:
    job = new_job(store)
    before = make_newer(redis, job, schema)
    with pytest.raises(NewerRecord, match=f"schema version {schema}, and this process reads"):
        change(store, job)
    assert record(redis, job) == before
    assert position(store, job) == 0


def test_a_newer_record_is_read_as_far_as_possible(store: JobStore, redis: Redis) -> None:
    job = new_job(store)
    make_newer(redis, job)
    assert store.get(job.id).params == job.params
    redis.hset(key(job), "params", '{"size":64,"canvas":"linen"}')
    with pytest.raises(NewerRecord):
        store.get(job.id)


def test_the_reaper_ignores_newer_jobs_and_requeues_the_others(
    store: JobStore, redis: Redis, valkey_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    queue = JobQueue(make_celery(valkey_url))
    reaper = Reaper(redis, queue, lease_seconds=300, every_seconds=60, max_attempts=3)
    newer = [new_job(store), claimed(store), claimed(store)]
    older = [new_job(store), claimed(store)]
    before = [make_newer(redis, job) for job in newer]
    for name in ("easel:jobs:queued", "easel:jobs:running"):
        for job_id in cast("list[str]", redis.zrange(name, 0, -1)):
            redis.zincrby(name, LONG_AGO, job_id)
    leases = redis.zrange("easel:jobs:running", 0, -1, withscores=True)
    for _ in range(2):
        redis.set(LEASES_CHECKED, redis.time()[0] - 60)
        with caplog.at_level(logging.WARNING):
            reaper.sweep()
    assert [record(redis, job) for job in newer] == before
    assert [store.get(job.id).status for job in older] == ["queued", "queued"]
    assert Messages(redis).job_ids() == {job.id for job in older}
    remaining = redis.zrange("easel:jobs:running", 0, -1, withscores=True)
    assert remaining == [lease for lease in leases if lease[0] != older[1].id]
    assert reports(caplog) == [("reaper", NEWER)]


def test_a_reaper_does_not_renew_newer_leases_after_a_gap(
    store: JobStore, redis: Redis, valkey_url: str
) -> None:
    job = claimed(store)
    make_newer(redis, job)
    lease = redis.zscore("easel:jobs:running", job.id)
    queue = JobQueue(make_celery(valkey_url))
    Reaper(redis, queue, lease_seconds=300, every_seconds=60, max_attempts=3).sweep()
    assert redis.zscore("easel:jobs:running", job.id) == lease


def test_the_cleaner_keeps_newer_records_and_their_blobs(
    store: JobStore, redis: Redis, blobs: Blobs, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = [claimed(store) for _ in range(2)]
    long_ago = redis.time()[0] - (RETENTION + TOMBSTONE).total_seconds() - 1
    for job in jobs:
        metrics = Metrics(optimize_seconds=1, device="cpu")
        store.succeed(job, RESULT, some_progress(), metrics)
        redis.hset(key(job), "finished_at", long_ago)
    newer, older = jobs
    picture = stored(blobs, photo(64, 48))
    redis.hset(key(newer), "drawing", f'{{"sha256":"{picture.sha256}"}}')
    before = make_newer(redis, newer)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            Cleaner(redis, blobs, grace=timedelta(0)).sweep()
    assert record(redis, newer) == before
    assert record(redis, older) == {}
    assert blobs.get(picture.sha256)
    assert set(reports(caplog)) == {("cleaner", NEWER)}


def test_deliveries_of_newer_jobs_are_not_claimed(
    store: JobStore, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    newer, older = test_outbox.claimed(store), test_outbox.claimed(store)
    patient, hasty = Outbox(redis, timedelta(seconds=15)), Outbox(redis, timedelta())
    (first, _) = hasty.claim()
    before = make_newer(redis, newer)
    pending = f"easel:webhooks:pending:{newer.caller}"
    due = redis.zscore(pending, first.id)
    with caplog.at_level(logging.WARNING):
        assert [claimed.id for claimed in patient.claim()] == [f"{older.id}-started"]
    with pytest.raises(NewerRecord):
        patient.start(first, max_attempts=3)
    assert record(redis, newer) == before
    assert redis.zscore(pending, first.id) == due
    assert reports(caplog) == [("webhook dispatcher", NEWER)]


def test_many_newer_deliveries_do_not_block_an_older_one(store: JobStore, redis: Redis) -> None:
    outbox = Outbox(redis, timedelta(seconds=15))
    for _ in range(120):
        make_newer(redis, test_outbox.claimed(store))
    older = test_outbox.claimed(store)
    assert [claimed.id for claimed in outbox.claim()] == [f"{older.id}-started"]


def reports(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the parts that reported newer records, each with the schema version."""
    return [
        (vars(line)["by"], vars(line)["schema"])
        for line in caplog.records
        if line.message == "records with a newer schema version are ignored"
    ]
