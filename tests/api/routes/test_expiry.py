"""The expiry of results, and the removal of expired records."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.job import RETENTION, TOMBSTONE, Job
from core.upkeep.cleaner import Cleaner
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import STYLE, claim, finish


@pytest.fixture
def job(services: Services, client: httpx.Client) -> Job:
    job = claim(services, client)
    finish(services, job, STYLE)
    return job


@pytest.fixture
def cleaner(services: Services, redis: Redis) -> Cleaner:
    return Cleaner(redis, services.blobs)


def advance(redis: Redis, job: Job, time: timedelta) -> None:
    redis.hincrbyfloat(f"easel:job:{job.id}", "finished_at", -time.total_seconds())


def test_a_finished_job_has_an_expiry_time(
    client: httpx.Client, services: Services, job: Job
) -> None:
    unfinished = claim(services, client)
    assert client.get(f"/jobs/{unfinished.id}").json()["expires_at"] is None
    shown = client.get(f"/jobs/{job.id}").json()
    kept = datetime.fromisoformat(shown["expires_at"]) - datetime.fromisoformat(
        shown["finished_at"]
    )
    assert kept == RETENTION


def test_an_expired_result_is_410_until_the_record_is_removed(
    client: httpx.Client, cleaner: Cleaner, redis: Redis, job: Job
) -> None:
    result = f"/jobs/{job.id}/result"
    assert client.get(result).status_code == 200
    advance(redis, job, RETENTION)
    problem = assert_problem(client.get(result), 410, "result_expired")
    assert "expired at" in problem["detail"]
    cleaner.sweep()
    assert_problem(client.get(result), 410, "result_expired")
    assert client.get(f"/jobs/{job.id}").json()["status"] == "succeeded"
    advance(redis, job, TOMBSTONE)
    cleaner.sweep()
    assert_problem(client.get(result), 404, "job_not_found")
    assert_problem(client.get(f"/jobs/{job.id}"), 404, "job_not_found")


def test_expired_files_no_longer_count_for_the_quota_of_their_caller(
    cleaner: Cleaner, services: Services, redis: Redis, job: Job
) -> None:
    deleted = "0" * 8 + job.id[8:]  # by a version of Easel that counts no files
    redis.hset("easel:stored", f"{deleted}:{job.caller}", 100)
    redis.hincrby("easel:stored:callers", job.caller, 100)
    kept = job.inputs.size_bytes + len(STYLE)
    assert services.store.load(job.caller).stored_bytes >= kept + 100
    cleaner.sweep()
    assert kept <= services.store.load(job.caller).stored_bytes < kept + 100
    advance(redis, job, RETENTION)
    cleaner.sweep()
    assert services.store.load(job.caller).stored_bytes == 0


def test_an_expired_record_sends_its_final_event_until_it_is_removed(
    client: httpx.Client, services: Services, redis: Redis, job: Job
) -> None:
    cleaner = Cleaner(redis, services.blobs, tombstone=timedelta(hours=1))
    advance(redis, job, RETENTION)
    redis.delete(f"easel:events:{job.id}")  # expired, like the files
    cleaner.sweep()
    stream = client.get(f"/jobs/{job.id}/events").text
    assert stream.count("event: ") == 1
    assert "event: succeeded" in stream
    advance(redis, job, timedelta(hours=1))
    cleaner.sweep()
    assert_problem(client.get(f"/jobs/{job.id}"), 404, "job_not_found")
