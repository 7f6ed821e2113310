"""OpenTelemetry traces, if the environment names a collector.

Otherwise nothing of OpenTelemetry is imported. A job record carries the trace of the request
that posted the job, so the spans of the worker and of the webhooks belong to the same trace.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import InvalidSetting

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def is_traced() -> bool:
    """Return whether the environment names a collector."""
    return any(os.environ.get(name) for name in _ENDPOINTS)


def start_tracing(part: str) -> None:
    """Send the spans of this process to the collector, if there is one.

    Args:
        part: the part of Easel that this process is; its service is ``easel-PART``.

    Raises:
        InvalidSetting: the OpenTelemetry packages are not installed.
    """
    if not is_traced():
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InvalidSetting(
            f"{_ENDPOINTS[0]} is set, but the OpenTelemetry packages are not installed; "
            "run pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http, or unset it"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": f"easel-{part}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def stop_tracing() -> None:
    """Send the remaining spans."""
    if is_traced():
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        provider = trace.get_tracer_provider()
        if isinstance(provider, TracerProvider):
            provider.shutdown()


def trace_fields() -> dict[str, str]:
    """Return the fields of a new job record that continue the current trace."""
    if not is_traced():
        return {}
    from opentelemetry import propagate

    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {name: carrier[name] for name in ("traceparent",) if name in carrier}


@contextmanager
def job_span(
    name: str, *, traceparent: str, job_id: str, request_id: str, **attributes: str | int
) -> Iterator[None]:
    """Open a span of a job's trace around a block.

    Args:
        name: the name of the span.
        traceparent: the trace of the job, as W3C Trace Context writes it; empty for a new one.
        job_id: the id of the job.
        request_id: the id of the request that posted the job.
        attributes: further attributes of the span.
    """
    if not is_traced():
        yield
        return
    from opentelemetry import propagate, trace

    parent = propagate.extract({"traceparent": traceparent})
    kind = trace.SpanKind.CONSUMER
    known = {"easel.job_id": job_id, "easel.request_id": request_id, **attributes}
    tracer = trace.get_tracer("easel")
    with tracer.start_as_current_span(name, parent, kind=kind, attributes=known):
        yield
