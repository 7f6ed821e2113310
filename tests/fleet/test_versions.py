"""This version and the next one share one Redis during an upgrade, and no job is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from core.queue.app import STYLIZE_TASK, make_celery
from tests.fleet.conftest import RunningFleet
from tests.fleet.fleet import next_version


@pytest.fixture(scope="module")
def next_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return next_version(tmp_path_factory.mktemp("next"))


@pytest.fixture(scope="module")
def next_api(services: dict[str, RunningFleet], next_code: Path) -> httpx.Client:
    """An API replica of the next version."""
    return services["b"].fleet.start_api("next", next_code)


@pytest.fixture
def service(services: dict[str, RunningFleet]) -> RunningFleet:
    """The smaller fleet."""
    return services["b"]


@pytest.fixture
def newer(service: RunningFleet, next_api: httpx.Client) -> dict[str, Any]:
    """A job that the next version's API has accepted, and that no worker here can run."""
    return service.fleet.post(next_api)


def test_a_job_of_the_next_version_waits_for_a_worker_of_that_version(
    service: RunningFleet, next_api: httpx.Client, newer: dict[str, Any], next_code: Path
) -> None:
    fleet = service.fleet
    before = record(fleet.redis, newer)
    assert before["schema"] == "2"

    # Its message reaches this version's worker by mistake, with the header of either version.
    mark = fleet.log.mark()
    for schema in (1, 2):
        make_celery(fleet.redis_url).send_task(
            STYLIZE_TASK, args=[newer["id"]], task_id=newer["id"], headers={"schema": schema}
        )
    fleet.log.wait("no job to start", after=mark, woken_for=newer["id"])
    fleet.log.wait(
        "message with a newer schema version forwarded", after=mark, queue="easel.jobs.2"
    )
    fleet.redis.delete("easel.jobs.2")  # lose all of its messages

    # The worker runs jobs of this version; the reapers of this version requeue nothing newer.
    older = fleet.ended(service.other, fleet.post(service.one))
    assert older["status"] == "succeeded"
    assert record(fleet.redis, newer) == before

    # Each version shows the jobs of the other.
    for client in (service.one, next_api):
        assert client.get(newer["links"]["self"]).json()["status"] == "queued"
        assert client.get(older["links"]["result"]).status_code == 200
    assert service.one.post(newer["links"]["cancel"]).json()["code"] == "newer_record"

    worker = fleet.start_worker("nextwork", next_code)
    ended = fleet.ended(service.one, newer)
    assert (ended["status"], ended["metrics"]["attempts"]) == ("succeeded", 1)
    assert fleet.log.wait("job ended", job_id=newer["id"])["process"] == worker.name
    assert service.other.get(newer["links"]["result"]).status_code == 200


def record(redis: Redis, job: dict[str, Any]) -> dict[str, str]:
    fields: Any = redis.hgetall(f"easel:job:{job['id']}")
    return dict(fields)
