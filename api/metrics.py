"""``GET /metrics``, for Prometheus.

What is true of the whole service is read from Redis at every scrape, so that each api
process says the same of it. What an api process sees of its own requests it counts
itself; with ``PROMETHEUS_MULTIPROC_DIR`` set, the processes of one host count together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.types import Scope

from core.errors import ServiceUnavailable
from core.jobs.workers import WorkerInfo
from core.store.statistics import Statistics, StatisticsReader
from core.store.workers import WorkerRegistry

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

router = APIRouter(tags=["health"])

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class PrometheusMetrics:
    """All metrics of one api process.

    Args:
        statistics: knows the whole service.
        workers: knows who is alive.
    """

    def __init__(self, statistics: StatisticsReader, workers: WorkerRegistry) -> None:
        # A seventh of a second; not paid on import.
        from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
        from prometheus_client.multiprocess import MultiProcessCollector

        self.registry: CollectorRegistry = CollectorRegistry()
        together = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self._requests = Histogram(
            "easel_http_request_seconds",
            "From the arrival of a request to the beginning of its answer.",
            ("method", "route", "status"),
            buckets=_BOUNDS,
            registry=None if together else self.registry,
        )
        if together:
            MultiProcessCollector(self.registry)  # type: ignore[no-untyped-call]
        else:
            ProcessCollector(registry=self.registry)
        self.registry.register(_ServiceCollector(statistics, workers))

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answer."""
        route = getattr(scope.get("route"), "path", "none")
        self._requests.labels(scope["method"], route, status).observe(seconds)

    def page(self) -> tuple[bytes, str]:
        """The metrics as Prometheus reads them, and their media type."""
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self.registry), CONTENT_TYPE_LATEST


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    responses={
        200: {
            "description": "The metrics, as Prometheus reads them.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
def get_metrics(request: Request) -> Response:
    """Numbers on the service: requests, queue, jobs, workers, webhooks."""
    data, media_type = request.app.state.metrics.page()
    return Response(data, media_type=media_type)


class _ServiceCollector:
    """Asks Redis at every scrape; while it is away, only that is said."""

    def __init__(self, statistics: StatisticsReader, workers: WorkerRegistry) -> None:
        self._statistics = statistics
        self._workers = workers

    def describe(self) -> list[Metric]:
        """Nothing: else the registry would ask Redis now for the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics of now."""
        from prometheus_client.core import GaugeMetricFamily as Gauge

        try:
            statistics, workers = self._statistics.read(), self._workers.live()
        except ServiceUnavailable:
            yield Gauge("easel_redis_up", "Whether Redis answers.", 0)
            return
        yield Gauge("easel_redis_up", "Whether Redis answers.", 1)
        yield from _jobs(statistics)
        yield from _webhooks(statistics)
        yield from _workers(workers)


def _jobs(found: Statistics) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily as Counter
    from prometheus_client.core import GaugeMetricFamily as Gauge
    from prometheus_client.core import HistogramMetricFamily as Histogram

    yield Gauge("easel_jobs_queued", "Jobs that wait for a worker.", found.queued)
    yield Gauge(
        "easel_queue_oldest_seconds", "The age of the first in the queue.", found.oldest_seconds
    )
    yield Gauge("easel_jobs_running", "Jobs that a worker has claimed.", found.running)
    yield Gauge("easel_blobs_unknown", "Blobs that no record explains.", found.unknown_blobs)
    yield Counter("easel_jobs_accepted", "Jobs that were accepted.", found.accepted)
    yield Counter("easel_jobs_requeued", "Jobs put back for another worker.", found.requeued)
    finished = Counter("easel_jobs_finished", "Jobs that have ended.", labels=["status"])
    for status, count in found.finished.items():
        finished.add_metric([status], count)
    yield finished
    for name, text, times in (
        (
            "easel_job_queue_seconds",
            "From the creation of a job to its start.",
            found.queue_seconds,
        ),
        ("easel_job_run_seconds", "From the start of a job to its success.", found.run_seconds),
    ):
        yield Histogram(name, text, buckets=list(times.buckets), sum_value=times.total)


def _webhooks(found: Statistics) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily as Counter
    from prometheus_client.core import GaugeMetricFamily as Gauge

    yield Gauge("easel_webhooks_waiting", "Webhooks still to be told.", found.webhooks_waiting)
    attempts = Counter(
        "easel_webhook_attempts",
        "Attempts, by what became of the delivery; pending: to be tried again.",
        labels=["event", "state"],
    )
    for (event, state), count in found.webhooks.items():
        attempts.add_metric([event, state], count)
    yield attempts


def _workers(workers: list[WorkerInfo]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily as Counter
    from prometheus_client.core import GaugeMetricFamily as Gauge

    yield Gauge("easel_workers", "Workers that are alive.", len(workers))
    labels = ["worker", "device"]
    busy = Gauge("easel_worker_busy", "Whether the worker runs a job.", labels=labels)
    steps = Counter("easel_worker_steps", "Steps of the optimiser so far.", labels=labels)
    pace = Gauge("easel_worker_steps_per_second", "Steps a second of late.", labels=labels)
    resident = Gauge("easel_worker_resident_bytes", "What the process holds.", labels=labels)
    total = Gauge("easel_worker_memory_bytes", "The memory of its device.", labels=labels)
    free = Gauge("easel_worker_memory_available_bytes", "What of that is free.", labels=labels)
    for worker in workers:
        for metric, value in (
            (busy, float(worker.job_id is not None)),
            (steps, worker.steps),
            (pace, worker.steps_per_second),
            (resident, worker.resident_bytes),
            (total, worker.memory_total_bytes),
            (free, worker.memory_available_bytes),
        ):
            if value is not None:
                metric.add_metric([worker.id, worker.device], value)
    yield from (busy, steps, pace, resident, total, free)
