"""Responses with jobs that a newer version has written."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.job import Metrics, Picture
from core.jobs.workers import WorkerInfo
from core.queue.app import JobQueue
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import claim, post
from tests.conftest import some_progress


@pytest.fixture
def newer(client: httpx.Client, redis: Redis) -> dict[str, Any]:
    """A queued job of the next version, which has a field that this one does not know."""
    job: dict[str, Any] = post(client).json()
    redis.hset(f"easel:job:{job['id']}", mapping={"schema": 2, "canvas": '"linen"'})
    return job


def test_a_newer_job_is_shown_without_its_unknown_fields(
    client: httpx.Client, newer: dict[str, Any]
) -> None:
    assert client.get(newer["links"]["self"]).json() == newer
    assert client.get("/jobs").json()["items"] == [newer]
    assert_problem(client.get(newer["links"]["result"]), 409, "job_not_finished")
    with client.stream("GET", newer["links"]["events"]) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: queued"


def test_the_result_of_a_newer_job_can_be_downloaded(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, client)
    result = Picture(sha256=services.blobs.put(b"png"), media_type="image/png", size_bytes=3)
    metrics = Metrics(optimize_seconds=1, device="cpu")
    services.store.succeed(job, result, some_progress(), metrics)
    redis.hset(f"easel:job:{job.id}", "schema", 2)
    assert client.get(f"/jobs/{job.id}/result").content == b"png"


def test_changing_a_newer_job_responds_503_with_retry_after(
    client: httpx.Client, newer: dict[str, Any], redis: Redis
) -> None:
    before = redis.hgetall(f"easel:job:{newer['id']}")
    for answer in (
        client.post(newer["links"]["cancel"]),
        client.delete(newer["links"]["self"]),
    ):
        assert_problem(answer, 503, "newer_record")
        assert int(answer.headers["retry-after"]) >= 1
        assert "a newer version of Easel is being rolled out" in answer.json()["detail"]
    assert redis.hgetall(f"easel:job:{newer['id']}") == before


@pytest.mark.parametrize(
    ("field", "value"),
    [("created_at", "yesterday"), ("retention_seconds", ""), ("status", "drying")],
)
def test_an_unreadable_newer_job_responds_503(
    client: httpx.Client, newer: dict[str, Any], redis: Redis, field: str, value: str
) -> None:
    redis.hset(f"easel:job:{newer['id']}", mapping={field: value, "finished_at": "7"})
    assert_problem(client.get(newer["links"]["result"]), 503, "newer_record")
    if field != "status":  # which the API passes on unchanged
        assert_problem(client.get(newer["links"]["self"]), 503, "newer_record")


def test_the_message_of_a_newer_job_goes_to_the_queue_of_its_schema(
    services: Services, redis: Redis
) -> None:
    queue: JobQueue = services.queue
    queue.announce("some-id", schema="2")
    assert redis.llen("easel.jobs.2") == 1
    assert redis.llen("easel.jobs") == 0


def test_an_unreadable_worker_is_left_out_of_readyz(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    for name in ("this", "next"):
        services.workers.announce(WorkerInfo(id=name, device="cpu", networks=()))
    redis.hset("easel:workers:info", "next", '{"id": "next", "devices": ["cpu", "cuda"]}')
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert [worker["id"] for worker in ready.json()["workers"]] == ["this"]
