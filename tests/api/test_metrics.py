"""The Prometheus metrics of the API."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from api.deps import Services
from core.jobs.job import Failure, Inputs, Metrics, Picture
from core.jobs.workers import WorkerInfo
from core.params import StyleParams
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.store.statistics import HISTOGRAM_BOUNDS, BackgroundErrors, StatisticsReader
from core.store.webhooks.outbox import Outbox
from core.store.workers import WorkerRegistry
from core.upkeep.cleaner import Cleaner
from core.webhooks.retries import Attempt, Decision
from core.webhooks.webhook import DeliveryState, Webhook
from tests.api.conftest import serving
from tests.api.webhooks.test_webhooks import replaced
from tests.conftest import some_progress

ROOT = Path(__file__).parent.parent.parent
PICTURE = Picture(sha256="0" * 64, media_type="image/png", size_bytes=1)
INPUTS = Inputs(content=PICTURE, styles=(PICTURE,))

_NO_TIME = timedelta()

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def scrape(client: httpx.Client) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return read(answer.text)


def test_jobs_are_counted_by_status(client: httpx.Client, store: JobStore) -> None:
    jobs = [store.create(StyleParams(), INPUTS) for _ in range(6)]
    running = [store.claim(job.id) for job in jobs[:4]]
    succeeded, failed, handed_back, _ = (job for job in running if job is not None)
    store.succeed(succeeded, PICTURE, some_progress(), Metrics(optimize_seconds=1, device="cpu"))
    store.fail(failed, Failure(code="broken", message="it broke", retryable=False))
    store.hand_back(handed_back)
    store.cancel(jobs[4].id)
    samples = scrape(client)
    assert value(samples, "easel_redis_up") == 1
    assert value(samples, "easel_jobs_accepted_total") == 6
    assert value(samples, "easel_jobs_per_worker") == 3  # two queued, one running, no worker
    assert value(samples, "easel_jobs_queued") == 2
    assert value(samples, "easel_jobs_running") == 1
    assert value(samples, "easel_jobs_requeued_total") == 1
    assert value(samples, "easel_queue_oldest_seconds") > 0
    for status in ("succeeded", "failed", "canceled"):
        assert value(samples, "easel_jobs_finished_total", status=status) == 1
    assert value(samples, "easel_job_queue_seconds_count") == 4
    assert value(samples, "easel_job_queue_seconds_bucket", le="+Inf") == 4
    assert value(samples, "easel_job_run_seconds_count") == 1
    assert 0 < value(samples, "easel_job_run_seconds_sum") < 60


@pytest.mark.parametrize(("seconds", "bound"), [(8, "10"), (90, "120"), (500, "600")])
def test_a_duration_is_counted_in_its_bucket(
    store: JobStore, redis: Redis, seconds: float, bound: str
) -> None:
    job = store.create(StyleParams(), INPUTS)
    now, _ = redis.time()
    redis.hset(f"easel:job:{job.id}", "queued_at", now - seconds)
    assert store.claim(job.id) is not None
    buckets = dict(StatisticsReader(redis).read().queue_seconds.buckets)
    smaller = HISTOGRAM_BOUNDS[: HISTOGRAM_BOUNDS.index(bound)]
    assert [buckets[each] for each in smaller] == [0] * len(smaller)
    assert buckets["+Inf"] == 1


def test_webhook_attempts_are_counted_by_their_outcome(
    client: httpx.Client, store: JobStore, redis: Redis
) -> None:
    webhook = Webhook(url="https://h.example/").model_dump_json()
    job = store.create(StyleParams(), INPUTS, webhook=webhook)
    assert store.claim(job.id) is not None
    assert value(scrape(client), "easel_webhooks_waiting") == 1
    outbox = Outbox(redis, _NO_TIME)
    for attempt, verdict in (
        (Attempt(500), Decision(DeliveryState.PENDING, _NO_TIME)),
        (Attempt(200), Decision(DeliveryState.DELIVERED)),
    ):
        (claimed,) = outbox.claim()
        started = outbox.start(claimed, 10)
        assert started is not None
        outbox.settle(started, attempt, verdict)
    samples = scrape(client)
    for state in ("pending", "delivered"):
        labels = {"event": "job.started", "state": state}
        assert value(samples, "easel_webhook_attempts_total", **labels) == 1
    assert value(samples, "easel_webhooks_waiting") == 0


def test_workers_are_reported_with_their_speed_and_memory(
    client: httpx.Client, redis: Redis
) -> None:
    WorkerRegistry(redis).announce(
        WorkerInfo(
            id="host:1",
            device="cuda:0",
            networks=(),
            memory_total_bytes=100,
            memory_available_bytes=60,
            resident_bytes=7,
            steps=1234,
            steps_per_second=12.5,
            job_id="some-job",
        )
    )
    samples = scrape(client)
    of = {"worker": "host:1", "device": "cuda:0"}
    assert value(samples, "easel_workers") == 1
    assert value(samples, "easel_worker_busy", **of) == 1
    assert value(samples, "easel_worker_steps_total", **of) == 1234
    assert value(samples, "easel_worker_steps_per_second", **of) == 12.5
    assert value(samples, "easel_worker_resident_bytes", **of) == 7
    assert value(samples, "easel_worker_memory_bytes", **of) == 100
    assert value(samples, "easel_worker_memory_available_bytes", **of) == 60


def test_errors_of_background_threads_and_the_last_cleaning_are_reported(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    for _ in range(2):
        BackgroundErrors(redis).add("reaper")
    assert ("easel_cleaning_age_seconds", frozenset()) not in scrape(client)
    Cleaner(redis, services.blobs).sweep()
    samples = scrape(client)
    assert value(samples, "easel_background_errors_total", thread="reaper") == 2
    assert 0 <= value(samples, "easel_cleaning_age_seconds") < 60


def test_requests_are_counted_by_route_and_not_by_path(client: httpx.Client) -> None:
    for path in ("/jobs/a", "/jobs/b", "/jobs/a/result", "/nowhere", "/healthz"):
        client.get(path)
    client.post("/jobs")
    samples = scrape(client)
    for method, route, status, count in (
        ("GET", "/jobs/{job_id}", "404", 2),
        ("GET", "/jobs/{job_id}/result", "404", 1),
        ("GET", "/healthz", "200", 1),
        ("POST", "/jobs", "415", 1),
        ("GET", "none", "404", 1),
    ):
        labels = {"method": method, "route": route, "status": status}
        assert value(samples, "easel_http_request_seconds_count", **labels) == count


def test_every_replica_reports_the_same_about_the_service(
    services: Services, store: JobStore, client: httpx.Client
) -> None:
    store.create(StyleParams(), INPUTS)
    with serving(services) as other:
        assert [value(scrape(each), "easel_jobs_queued") for each in (client, other)] == [1, 1]


def test_metrics_are_served_without_redis(services: Services) -> None:
    unreachable = connect("redis://127.0.0.1:1/0", patience=0)
    without_redis = replaced(
        services, statistics=StatisticsReader(unreachable), workers=WorkerRegistry(unreachable)
    )
    with serving(without_redis) as client:
        client.get("/healthz")
        samples = scrape(client)
    assert value(samples, "easel_redis_up") == 0
    labels = {"method": "GET", "route": "/healthz", "status": "200"}
    assert value(samples, "easel_http_request_seconds_count", **labels) == 1


def test_the_processes_of_a_host_share_their_counts(tmp_path: Path, valkey_url: str) -> None:
    code = f"""
import sys
from api.metrics import PrometheusMetrics
from core.runtime.redis import connect
from core.store.statistics import StatisticsReader
from core.store.workers import WorkerRegistry
redis = connect({valkey_url!r}, patience=0)
metrics = PrometheusMetrics(StatisticsReader(redis), WorkerRegistry(redis))
metrics.observe({{"method": "GET"}}, 200, 0.1)
sys.stdout.buffer.write(metrics.page()[0])
"""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    pages = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True
        ).stdout.decode()
        for _ in range(2)
    ]
    labels = {"method": "GET", "route": "none", "status": "200"}
    counts = [value(read(page), "easel_http_request_seconds_count", **labels) for page in pages]
    assert counts == [1, 2]
