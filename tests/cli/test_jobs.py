"""``easel jobs``, ``easel workers`` and ``easel queue``."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.job import Failure
from core.jobs.workers import WorkerInfo
from tests.api.conftest import services, serving, settings  # noqa: F401 - fixtures
from tests.api.routes.test_jobs import post
from tests.cli.conftest import easel


@pytest.fixture
def client(services: Services) -> Iterator[httpx.Client]:  # noqa: F811 - a fixture
    with serving(services) as client:
        yield client


def test_jobs_can_be_listed_shown_cancelled_and_retried(
    client: httpx.Client,
    services: Services,  # noqa: F811
) -> None:
    server = {"EASEL_SERVER": str(client.base_url)}
    queued = post(client).json()["id"]
    failed = services.store.claim()
    assert failed is not None
    services.store.fail(failed, Failure(code="time_limit", message="late", retryable=False))
    queued = post(client).json()["id"]
    listed = easel("jobs", "list", **server).stdout
    assert all(text in listed for text in (queued, failed.id, "time_limit", "no worker runs"))
    assert queued not in easel("jobs", "list", "--error-code", "time_limit", **server).stdout
    assert json.loads(easel("jobs", "show", queued, **server).stdout)["id"] == queued
    assert "is canceled" in easel("jobs", "cancel", queued, **server).stdout
    again = easel("jobs", "retry", failed.id, **server).stdout.strip()
    assert client.get(f"/jobs/{again}").json()["status"] == "queued"
    refused = easel("jobs", "retry", again, **server)
    assert refused.returncode == 1
    assert "wait until it has ended" in refused.stderr


def test_workers_are_listed_with_their_memory(
    client: httpx.Client,
    services: Services,  # noqa: F811
) -> None:
    worker = WorkerInfo(
        id="here:7", device="cpu", networks=(), memory_total_bytes=2**31, job_id="a"
    )
    services.workers.announce(worker)
    listed = easel("workers", EASEL_SERVER=str(client.base_url)).stdout
    assert all(text in listed for text in ("here:7", "cpu", "2.0 GiB", "busy"))


def test_a_paused_queue_starts_nothing_until_it_is_resumed(
    client: httpx.Client,
    services: Services,  # noqa: F811
    valkey_url: str,
    redis: Redis,
) -> None:
    deployment = {"EASEL_REDIS_URL": valkey_url}
    assert easel("queue", "pause", **deployment).returncode == 0
    queued = post(client).json()["id"]
    assert services.store.claim() is None
    waiting = client.get(f"/jobs/{queued}").json()["waiting"]
    assert waiting["reason"] == "paused"
    assert any("queue is paused" in each for each in client.get("/readyz").json()["warnings"])
    assert "1 queued" in easel("queue", "status", **deployment).stdout
    assert easel("queue", "resume", **deployment).returncode == 0
    assert services.store.claim() == services.store.get(queued)
