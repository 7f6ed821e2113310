"""``GET /metrics``: metrics in the Prometheus format.

Metrics of the whole service are read from Redis at every scrape, so every API process
reports the same values. Each API process counts its own requests. With
``PROMETHEUS_MULTIPROC_DIR`` set, the processes of one host report their sum.
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
    """The metrics of one API process.

    Args:
        statistics: the reader of service-wide statistics.
        workers: the registry of live workers.
    """

    def __init__(self, statistics: StatisticsReader, workers: WorkerRegistry) -> None:
        # Deferred: the import takes about 140 ms.
        from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
        from prometheus_client.multiprocess import MultiProcessCollector

        self.registry: CollectorRegistry = CollectorRegistry()
        multiprocess = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self._requests = Histogram(
            "easel_http_request_seconds",
            "Time from the arrival of a request to the start of its response.",
            ("method", "route", "status"),
            buckets=_BOUNDS,
            registry=None if multiprocess else self.registry,
        )
        if multiprocess:
            MultiProcessCollector(self.registry)  # type: ignore[no-untyped-call]
        else:
            ProcessCollector(registry=self.registry)
        self.registry.register(_ServiceCollector(statistics, workers))

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Record a response."""
        route = getattr(scope.get("route"), "path", "none")
        self._requests.labels(scope["method"], route, status).observe(seconds)

    def page(self) -> tuple[bytes, str]:
        """Return the metrics in the Prometheus text format, and their media type."""
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self.registry), CONTENT_TYPE_LATEST


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Read the metrics for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "The metrics in the Prometheus text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
def get_metrics(request: Request) -> Response:
    """Return metrics on requests, the queue, jobs, workers and webhooks."""
    data, media_type = request.app.state.metrics.page()
    return Response(data, media_type=media_type)


class _ServiceCollector:
    """Reads Redis at every scrape. Without Redis it reports only ``easel_redis_up``."""

    def __init__(self, statistics: StatisticsReader, workers: WorkerRegistry) -> None:
        self._statistics = statistics
        self._workers = workers

    def describe(self) -> list[Metric]:
        """Return no names, which would need a read of Redis at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the current metrics."""
        from prometheus_client.core import GaugeMetricFamily as Gauge

        try:
            statistics, workers = self._statistics.read(), self._workers.live()
        except ServiceUnavailable:
            yield Gauge("easel_redis_up", "Whether Redis responds.", 0)
            return
        yield Gauge("easel_redis_up", "Whether Redis responds.", 1)
        yield Gauge(
            "easel_jobs_per_worker",
            "Queued and running jobs for each live worker; without workers, the number of jobs.",
            (statistics.queued + statistics.running) / max(1, len(workers)),
        )
        yield from _jobs(statistics)
        yield from _webhooks(statistics)
        yield from _workers(workers)


def _jobs(statistics: Statistics) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily as Counter
    from prometheus_client.core import GaugeMetricFamily as Gauge
    from prometheus_client.core import HistogramMetricFamily as Histogram

    yield Gauge("easel_jobs_queued", "Queued jobs.", statistics.queued)
    yield Gauge(
        "easel_queue_oldest_seconds", "Age of the oldest queued job.", statistics.oldest_seconds
    )
    yield Gauge("easel_jobs_running", "Running jobs.", statistics.running)
    yield Gauge("easel_blobs_unknown", "Blobs without a job record.", statistics.unknown_blobs)
    yield Gauge("easel_stored_bytes", "Bytes of the files of all jobs.", statistics.stored_bytes)
    if statistics.cleaning_age is not None:
        yield Gauge(
            "easel_cleaning_age_seconds",
            "Time since a cleaning was last completed.",
            statistics.cleaning_age,
        )
    errors = Counter(
        "easel_background_errors",
        "Unexpected errors of background threads, which went on.",
        labels=["thread"],
    )
    for thread, count in statistics.background_errors.items():
        errors.add_metric([thread], count)
    yield errors
    yield Counter("easel_jobs_accepted", "Accepted jobs.", statistics.accepted)
    yield Counter("easel_jobs_requeued", "Jobs requeued for another worker.", statistics.requeued)
    finished = Counter("easel_jobs_finished", "Finished jobs, by final status.", labels=["status"])
    for status, count in statistics.finished.items():
        finished.add_metric([status], count)
    yield finished
    for name, text, times in (
        (
            "easel_job_queue_seconds",
            "Time from the creation of a job to its first start.",
            statistics.queue_seconds,
        ),
        (
            "easel_job_run_seconds",
            "Time from the start of a job to its success.",
            statistics.run_seconds,
        ),
    ):
        yield Histogram(name, text, buckets=list(times.buckets), sum_value=times.total)


def _webhooks(statistics: Statistics) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily as Counter
    from prometheus_client.core import GaugeMetricFamily as Gauge

    yield Gauge(
        "easel_webhooks_waiting", "Pending webhook deliveries.", statistics.webhooks_waiting
    )
    attempts = Counter(
        "easel_webhook_attempts",
        "Delivery attempts, by the resulting state; pending: it will be retried.",
        labels=["event", "state"],
    )
    for (event, state), count in statistics.webhooks.items():
        attempts.add_metric([event, state], count)
    yield attempts


def _workers(workers: list[WorkerInfo]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily as Counter
    from prometheus_client.core import GaugeMetricFamily as Gauge

    yield Gauge("easel_workers", "Live workers.", len(workers))
    labels = ["worker", "device"]
    busy = Gauge("easel_worker_busy", "Whether the worker is running a job.", labels=labels)
    steps = Counter(
        "easel_worker_steps", "Optimiser steps since the worker started.", labels=labels
    )
    pace = Gauge(
        "easel_worker_steps_per_second", "Recent optimiser steps per second.", labels=labels
    )
    resident = Gauge(
        "easel_worker_resident_bytes", "Resident memory of the worker process.", labels=labels
    )
    total = Gauge("easel_worker_memory_bytes", "Total memory of the device.", labels=labels)
    free = Gauge(
        "easel_worker_memory_available_bytes", "Available memory of the device.", labels=labels
    )
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
