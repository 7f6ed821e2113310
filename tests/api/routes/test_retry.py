"""Retries of jobs that failed or were canceled, and lists by error code."""

from __future__ import annotations

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.job import Failure, Job, Metrics, Picture
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import claim, post
from tests.conftest import some_progress


def fail(services: Services, client: httpx.Client, code: str = "out_of_memory") -> Job:
    job = claim(services, client)
    services.store.fail(job, Failure(code=code, message="it broke", retryable=True))
    return job


def retry(client: httpx.Client, job_id: str, **headers: str) -> httpx.Response:
    return client.post(f"/jobs/{job_id}/retry", headers=headers)


def test_a_failed_job_can_be_retried(client: httpx.Client, services: Services) -> None:
    failed = fail(services, client)
    answer = retry(client, failed.id)
    assert answer.status_code == 202
    again = services.store.get(answer.json()["id"])
    assert answer.headers["Location"] == f"/jobs/{again.id}"
    assert again.id != failed.id
    assert (again.params, again.inputs) == (failed.params, failed.inputs)
    assert (again.memory, again.work, again.attempt) == (failed.memory, failed.work, 0)
    assert services.store.claim() == services.store.get(again.id)


def test_a_retry_keeps_the_pictures_when_the_first_job_is_deleted(
    client: httpx.Client, services: Services
) -> None:
    failed = fail(services, client)
    again = retry(client, failed.id).json()["id"]
    assert client.delete(f"/jobs/{failed.id}").status_code == 204
    for picture in services.store.get(again).inputs.pictures():
        assert services.blobs.get(picture.sha256)


def test_options_are_retried_too(client: httpx.Client, services: Services) -> None:
    posted = post(client, priority="low", max_seconds=60, seed=5).json()["id"]
    client.post(f"/jobs/{posted}/cancel")
    again = services.store.get(retry(client, posted).json()["id"])
    assert (again.priority, again.max_seconds, again.params.seed) == ("low", 60, 5)


def test_a_repeated_retry_with_the_same_key_creates_one_job(
    client: httpx.Client, services: Services
) -> None:
    failed = fail(services, client)
    first, second = (retry(client, failed.id, **{"Idempotency-Key": "a"}) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_job_that_has_not_ended_or_has_succeeded_cannot_be_retried(
    client: httpx.Client, services: Services
) -> None:
    queued = post(client).json()["id"]
    problem = assert_problem(retry(client, queued), 409, "job_not_finished")
    assert "is queued; wait until it has ended, or cancel it first" in problem["detail"]
    job = services.store.claim()
    assert job is not None
    picture = Picture(sha256=services.blobs.put(b"png"), media_type="image/png", size_bytes=3)
    services.store.succeed(job, picture, some_progress(), Metrics(optimize_seconds=1, device="cpu"))
    problem = assert_problem(retry(client, queued), 409, "job_finished")
    assert "download its result, or post its pictures again" in problem["detail"]


@pytest.mark.parametrize("how", ["expired", "removed"])
def test_a_job_whose_pictures_are_gone_cannot_be_retried(
    client: httpx.Client, services: Services, redis: Redis, how: str
) -> None:
    failed = fail(services, client)
    if how == "expired":
        redis.hset(f"easel:job:{failed.id}", "finished_at", 7)
    else:
        services.blobs.delete(failed.inputs.content.sha256)
    problem = assert_problem(retry(client, failed.id), 409, "job_finished")
    assert "were removed; post them again" in problem["detail"]
    assert services.store.claim() is None


def test_the_list_can_be_filtered_by_error_code(client: httpx.Client, services: Services) -> None:
    one, other = fail(services, client), fail(services, client, code="time_limit")
    post(client)

    def listed(**query: str) -> list[str]:
        answer = client.get("/jobs", params=query)
        assert answer.status_code == 200
        return [job["id"] for job in answer.json()["items"]]

    assert listed(error_code="out_of_memory") == [one.id]
    assert listed(error_code="time_limit", status="failed") == [other.id]
    assert listed(error_code="time_limit", status="queued") == []
    client.delete(f"/jobs/{one.id}")
    assert listed(error_code="out_of_memory") == []
