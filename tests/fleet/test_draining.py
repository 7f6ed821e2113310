"""A worker that is drained before it is stopped finishes its job."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.fleet.conftest import RunningFleet
from tests.service.servers import ROOT, Server


def test_a_drained_worker_finishes_its_job_and_takes_no_other(service: RunningFleet) -> None:
    fleet = service.fleet
    fleet.ready(*service.workers)
    with fleet.held():
        first = fleet.post(service.one)
        started = fleet.log.wait("job started", job_id=first["id"])
        (worker,) = (each for each in service.workers if each.name == started["process"])
        mark = fleet.log.mark()
        draining = drain(service, worker)
        fleet.log.wait("worker takes no more jobs", process="drain", after=mark)
        others = [fleet.post(service.one) for _ in service.workers]
        for job in others[:-1]:
            fleet.log.wait("job started", job_id=job["id"])
        assert draining.poll() is None, "it did not wait for the job"
    assert draining.wait(90) == 0
    assert worker.stop() == 0
    assert fleet.ended(service.one, first)["metrics"]["attempts"] == 1
    assert fleet.log.wait("job ended", job_id=first["id"])["process"] == worker.name
    assert [fleet.ended(service.one, job)["status"] for job in others] == ["succeeded"] * 3
    assert not fleet.log.since(mark, "job started", process=worker.name)
    mark = fleet.log.mark()
    worker.start()  # for the other tests of this fleet
    fleet.log.wait("worker ready", process=worker.name, after=mark)


def drain(service: RunningFleet, worker: Server) -> subprocess.Popen[str]:
    """Drain a worker as the preStop hook of its pod does."""
    assert worker.host is not None
    command = [sys.executable, "-m", "worker.drain", "--worker", f"{worker.name}@tests"]
    process = subprocess.Popen(
        worker.host.inside(command),
        cwd=ROOT,
        env={**os.environ, **service.fleet.environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    service.fleet.log.read(process.stderr, "drain")
    return process
