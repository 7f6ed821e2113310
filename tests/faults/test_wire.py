"""Slow and half-open connections between a worker and Redis."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files

import pytest

from tests.faults.cluster import PATIENCE_SECONDS, Cluster
from tests.faults.conftest import LONG, Row
from tests.faults.proxy import Wire


@pytest.fixture
def wire(cluster: Cluster) -> Iterator[Wire]:
    """The wire of the only worker there is."""
    wire = Wire(cluster.valkey_port)
    cluster.only(EASEL_REDIS_URL=f"redis://127.0.0.1:{wire.port}/0")
    yield wire
    wire.close()


def test_a_slow_wire_slows_no_job_down_for_good(
    cluster: Cluster, undisturbed: bytes, wire: Wire, row: Row
) -> None:
    row("R7", "200 ms more from a worker to Redis", "its jobs end as ever, at the first attempt")
    wire.delay_seconds = 0.2
    job_id = cluster.post(**LONG)
    assert cluster.result(job_id) == undisturbed
    assert cluster.view(job_id)["metrics"]["attempts"] == 1
    cluster.assert_sound([job_id])


def test_a_half_open_connection_is_given_up_and_the_worker_takes_jobs_again(
    cluster: Cluster, undisturbed: bytes, wire: Wire, row: Row
) -> None:
    row(
        "R6",
        "a worker's connections to Redis pass nothing more, in mid-job, for longer than a lease",
        "what it would write is refused afterwards; it takes jobs again by itself",
        "from the wire being whole until the job has succeeded",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    cluster.running_on(job_id, after=mark)
    wire.open.clear()
    cluster.log.wait("lease ran out", after=mark, job_id=job_id)
    row.strike()
    wire.open.set()
    assert cluster.result(job_id) == undisturbed
    row.recovered()
    cluster.settle(workers=1)  # should its watchdog have ended it
    cluster.assert_sound([job_id])


def test_a_result_whose_worker_died_before_it_was_told_is_found_again(
    cluster: Cluster, undisturbed: bytes, wire: Wire, row: Row
) -> None:
    row(
        "W9",
        "SIGKILL between the result's file and the job's status",
        "the next attempt finds the file, and paints nothing",
        "from the kill until the job has succeeded",
    )
    script = files("core").joinpath("lua/finish.lua").read_bytes()
    wire.swallow = hashlib.sha1(script).hexdigest().encode()
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    assert wire.swallowed.wait(PATIENCE_SECONDS)
    (victim,) = cluster.workers
    successor = cluster.start_worker()
    row.strike()
    victim.kill()
    cluster.log.wait(
        "result found: an earlier attempt had finished",
        after=mark,
        process=successor.name,
        job_id=job_id,
    )
    assert cluster.result(job_id) == undisturbed
    row.recovered()
    assert cluster.view(job_id)["metrics"]["attempts"] == 2
    cluster.settle(workers=1)
    cluster.assert_sound([job_id])
