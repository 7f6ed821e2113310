"""A service that is stopped and started again resumes its jobs."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

import psutil

from tests.acceptance.conftest import Service, free_port
from tests.service.cluster import SMALL
from tests.service.servers import save_tiny_networks


def test_a_stopped_service_leaves_no_process_and_resumes_its_jobs(
    tmp_path: Path, samples: Path
) -> None:
    weights = tmp_path / "weights"
    save_tiny_networks(weights)
    # On a busy machine, a second thread makes a small network slower.
    environment = {
        "EASEL_WEIGHTS_DIR": str(weights),
        "EASEL_CHECKPOINT_SECONDS": "0.1",
        "OMP_NUM_THREADS": "1",
    }

    def post(service: Service, steps: int) -> dict[str, Any]:
        content, style = samples / "photos" / "cat.jpg", samples / "styles" / "swirls.jpg"
        job: dict[str, Any] = service.post(content, style, **SMALL, steps=steps).json()
        return job

    def result(service: Service, job: dict[str, Any]) -> bytes:
        return service.http.get(job["links"]["result"]).raise_for_status().content

    service = Service(tmp_path / "data", free_port(), **environment)
    service.wait_until_ready()
    finished = service.finished(post(service, steps=3))
    picture = result(service, finished)
    job = post(service, steps=200)
    service.wait_for("checkpoint saved", job_id=job["id"])
    # Valkey, the API, the worker and its child
    assert len(psutil.Process(service.process.pid).children(recursive=True)) >= 4
    assert service.stop(signal.SIGINT) == 0
    service.wait_for("job handed back: the worker is stopping", job_id=job["id"])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", service.port)) != 0

    if socket.has_dualstack_ipv6():
        environment["EASEL_HOST"] = "::1"
    restarted = Service(tmp_path / "data", free_port(), **environment)
    ready, _ = restarted.wait_until_ready()
    assert ready.strip() == f"Easel is ready at {restarted.address}"
    assert restarted.http.get(finished["links"]["self"]).json() == finished
    assert result(restarted, finished) == picture
    assert restarted.wait_for("job resumed", job_id=job["id"])["step"] > 0
    resumed = restarted.finished(job)
    assert (resumed["status"], resumed["metrics"]["attempts"]) == ("succeeded", 1)
    undisturbed = restarted.finished(post(restarted, steps=200))
    assert result(restarted, resumed) == result(restarted, undisturbed)
    assert restarted.stop(signal.SIGTERM) == 0
