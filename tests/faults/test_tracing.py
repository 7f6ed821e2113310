"""One trace spans the request, the queue and the worker, if a collector is configured."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.service.cluster import QUICK, Cluster
from tests.service.servers import PATIENCE_SECONDS, ROOT

CALLER = "0af7651916cd43dd8448eb211c80319c"


def test_a_job_is_one_trace_from_the_request_to_its_end(tmp_path: Path) -> None:
    spans: Queue[tuple[str, Any]] = Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            export = ExportTraceServiceRequest()
            export.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
            for resource in export.resource_spans:
                (service,) = (
                    each.value.string_value
                    for each in resource.resource.attributes
                    if each.key == "service.name"
                )
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        spans.put((service, span))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    cluster = Cluster(
        tmp_path,
        **QUICK,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_address[1]}",
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    try:
        cluster.start(workers=1)
        cluster.http.headers["traceparent"] = f"00-{CALLER}-b7ad6b7169203331-01"
        job_id = cluster.post()
        received: dict[bytes, tuple[str, Any]] = {}
        while "POST /jobs" not in (path := _ancestors(received)):
            service, span = spans.get(timeout=PATIENCE_SECONDS)
            if span.trace_id.hex() == CALLER:
                received[span.span_id] = service, span
        assert cluster.ended(job_id).status == "succeeded"
    finally:
        cluster.stop()
        server.shutdown()
        thread.join()
        server.server_close()
    assert path[0] == "job"
    (worker_span,) = (span for service, span in received.values() if service == "easel-worker")
    attributes = {each.key: each.value.string_value for each in worker_span.attributes}
    assert attributes["easel.job_id"] == job_id


def _ancestors(spans: dict[bytes, tuple[str, Any]]) -> list[str]:
    """Return the names of the spans from the worker's to the request's, as far as they arrived."""
    path = []
    span = next((span for service, span in spans.values() if service == "easel-worker"), None)
    while span is not None:
        path.append(span.name)
        _, span = spans.get(span.parent_span_id, ("", None))
    return path


@pytest.mark.parametrize("module", ["api.main", "worker.tasks", "api.webhooks.__main__"])
def test_without_a_collector_the_sdk_is_not_imported(module: str) -> None:
    code = (
        f"import sys, {module}; from core.runtime.tracing import start_tracing; "
        "start_tracing('x'); "
        "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) "
        "for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
