"""Liveness and readiness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.blobs.blobs import open_blobs
from core.jobs.workers import WorkerInfo
from core.queue.app import JobQueue, make_celery
from core.runtime.redis import connect
from core.runtime.ticker import Ticker
from core.store.jobs import JobStore
from core.store.workers import WorkerRegistry
from tests.api.conftest import serving
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import post

WORKER = WorkerInfo(
    id="host:1",
    device="cpu",
    networks=("vgg19-normalized",),
    memory_total_bytes=8 * 2**30,
    memory_available_bytes=3 * 2**30,
    job_id="some-job",
)
NOWHERE = "redis://127.0.0.1:1/0"


def test_healthz_needs_no_other_part(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readyz_needs_a_live_worker(client: httpx.Client, services: Services) -> None:
    before = client.get("/readyz")
    assert (before.status_code, before.json()["ready"]) == (503, False)
    assert (before.json()["missing"], before.json()["redis"]) == (["workers"], "ok")
    services.workers.announce(WORKER)
    after = client.get("/readyz")
    assert (after.status_code, after.json()["ready"]) == (200, True)
    assert after.json()["missing"] == []
    (worker,) = after.json()["workers"]
    assert (worker["id"], worker["memory_available_bytes"]) == ("host:1", 3 * 2**30)
    assert (worker["busy"], "job_id" in worker) == (True, False)


def without_redis(services: Services) -> Services:
    client = connect(NOWHERE, patience=0)
    return replace(
        services,
        settings=services.settings.model_copy(update={"redis_url": NOWHERE}),
        store=JobStore(client),
        workers=WorkerRegistry(client),
        queue=JobQueue(make_celery(NOWHERE)),
    )


def test_without_redis_all_routes_but_healthz_respond_503(services: Services) -> None:
    with serving(without_redis(services)) as client:
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "Redis" in ready.json()["redis"]
        assert ready.json()["missing"] == ["redis", "workers"]
        job = client.get("/jobs/01a202d6-98c4-775e-952b-a081813c8da6")
        assert_problem(job, 503, "service_unavailable")
        assert_problem(post(client), 503, "service_unavailable")


def test_a_job_that_cannot_be_queued_is_not_stored(services: Services) -> None:
    mute = replace(services, queue=JobQueue(make_celery(NOWHERE)))
    with serving(mute) as client:
        assert_problem(post(client), 503, "service_unavailable")
    jobs = connect(services.settings.redis_url, patience=0)
    assert list(jobs.scan_iter("easel:job:*")) == []


def test_readyz_warns_of_blobs_without_a_record(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    before = client.get("/readyz").json()["warnings"]
    redis.hset("easel:sweeps", "unknown", 3)
    *others, warning = client.get("/readyz").json()["warnings"]
    assert others == before
    assert warning.startswith("3 blobs were written before this Redis knew of any")


def test_readyz_warns_of_background_work_that_succeeds_no_more(services: Services) -> None:
    ticker = Ticker("reaper", 60, lambda: 1 / 0, str, patience_seconds=0)
    with serving(services, [ticker]) as client:
        warnings = client.get("/readyz").json()["warnings"]
    start = "the reaper of this process has not succeeded for"
    assert any(warning.startswith(start) for warning in warnings)


@pytest.fixture
def configured(redis: Redis) -> Iterator[Redis]:
    """A server whose settings are reset after the test."""
    yield redis
    redis.config_set("maxmemory-policy", "noeviction")
    redis.config_set("appendonly", "no")


def test_readyz_warns_of_a_redis_that_evicts_or_does_not_persist(
    client: httpx.Client, configured: Redis
) -> None:
    configured.config_set("maxmemory-policy", "allkeys-lru")
    evicting, volatile = client.get("/readyz").json()["warnings"]
    assert evicting.startswith("Redis has maxmemory-policy allkeys-lru")
    assert volatile.startswith("Redis has appendonly no")
    configured.config_set("maxmemory-policy", "noeviction")
    configured.config_set("appendonly", "yes")
    assert client.get("/readyz").json()["warnings"] == []


def test_readyz_reports_a_blob_store_that_cannot_be_written(services: Services) -> None:
    in_the_way = services.settings.data_dir / "file"
    in_the_way.write_text("")
    with serving(replace(services, blobs=open_blobs(in_the_way.as_uri()))) as client:
        ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "cannot be written" in ready.json()["blobs"]
    assert "blobs" in ready.json()["missing"]


def test_readyz_says_why_a_worker_is_out_of_service(
    client: httpx.Client, services: Services
) -> None:
    services.workers.announce_out_of_service("host:7", "the device failed 3 times in a row")
    ready = client.get("/readyz").json()
    warning = "worker out of service: host:7: the device failed 3 times in a row"
    assert warning in ready["warnings"]
    assert ready["missing"] == ["workers"]
