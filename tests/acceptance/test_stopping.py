"""A service that is stopped goes on where it was when it is started again."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

import psutil

from core.nst.weights.cache import save_weights
from core.params import Network
from tests.acceptance.conftest import Service, free_port
from tests.conftest import random_weights
from tests.faults.cluster import SMALL


def test_what_is_stopped_leaves_no_process_and_keeps_every_job(
    tmp_path: Path, samples: Path
) -> None:
    weights = tmp_path / "weights"
    for network in Network:  # the jobs are small, and the usual one is not to be fetched
        save_weights(random_weights(seed=0), weights / network.filename)
    # One thread: two that wait for each other on a small network are slow on a busy machine.
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
    service.announced()
    before = service.finished(post(service, steps=3))
    picture = result(service, before)
    job = post(service, steps=800)
    service.wait_for("checkpoint saved", job_id=job["id"])
    # Valkey, the api, the worker and its child
    assert len(psutil.Process(service.process.pid).children(recursive=True)) >= 4
    assert service.stop(signal.SIGINT) == 0
    service.wait_for("job handed back: the worker is stopping", job_id=job["id"])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", service.port)) != 0

    again = Service(tmp_path / "data", free_port(), **environment)
    again.announced()
    assert again.http.get(before["links"]["self"]).json() == before
    assert result(again, before) == picture
    assert again.wait_for("job resumed", job_id=job["id"])["step"] > 0
    resumed = again.finished(job)
    assert (resumed["status"], resumed["metrics"]["attempts"]) == ("succeeded", 1)
    undisturbed = again.finished(post(again, steps=800))
    assert result(again, resumed) == result(again, undisturbed)
    assert again.stop(signal.SIGTERM) == 0
