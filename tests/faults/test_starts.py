"""Processes that start and stop in any order, with default settings."""

from __future__ import annotations

import signal

from tests.faults.conftest import MEASURING, Row
from tests.service.cluster import LONG, Cluster
from tests.service.servers import PATIENCE_SECONDS

#: How many workers are started and stopped. The stages repeat.
TURNS = 20 if MEASURING else 8


def test_an_api_and_a_worker_that_start_before_redis_wait_for_it(
    defaults: Cluster, row: Row
) -> None:
    row(
        "L3",
        "the API and a worker start while Redis is unreachable",
        "neither exits; both work as soon as Redis is up",
        "from the start of Redis until a job has succeeded",
    )
    cluster = defaults
    cluster.start_api()
    worker = cluster.ready(cluster.start_worker())
    assert cluster.readiness(missing=["redis", "workers"])
    assert cluster.try_to_post().status_code == 503
    row.begin()
    cluster.start_valkey()
    job_id = cluster.post()
    assert cluster.ended(job_id).status == "succeeded"
    row.recovered()
    assert cluster.api.alive
    assert worker.alive
    assert len(cluster.log.since(0, "worker ready")) == 1


def test_the_job_of_a_killed_worker_starts_again_within_15_seconds(
    defaults: Cluster, row: Row
) -> None:
    row(
        "W1, defaults",
        "SIGKILL of a worker during a job, with default settings",
        "another worker takes the job within 15 s",
        "until the job starts again",
    )
    cluster = defaults
    cluster.settle(workers=2)
    with cluster.holding("job started") as held:
        row.begin()
        held.worker.kill()
        cluster.log.wait("job started", after=held.mark, job_id=held.job_id, attempt=2)
        seconds = row.recovered()
    # A busy machine may take longer, but not when the measurement is published.
    assert seconds < 15 or not MEASURING
    cluster.assert_sound([held.job_id])


def test_workers_that_are_stopped_while_they_start_lose_no_job(defaults: Cluster, row: Row) -> None:
    row(
        "W11",
        f"a worker is started and stopped {TURNS} times, at four stages of its start",
        "each exits in time and hands its job back; all jobs succeed",
    )
    cluster = defaults
    cluster.settle(workers=1)
    undisturbed = cluster.undisturbed
    for worker in cluster.workers:
        assert worker.stop() == 0
    cluster.shut_gate()
    mark = cluster.log.mark()
    job_ids = [cluster.post(**LONG), cluster.post()]
    for turn in range(TURNS):
        worker = cluster.start_worker()
        if turn % 8 in (1, 4, 7):
            cluster.log.wait("parent started", process=worker.name)
        elif turn % 8 == 2:
            cluster.log.wait("worker ready", process=worker.name)
        elif turn % 8 == 5:
            cluster.log.wait("job started", process=worker.name)
        worker.send(signal.SIGTERM)
        assert worker.popen.wait(PATIENCE_SECONDS) in (0, -signal.SIGTERM)
    assert cluster.log.since(mark, "job handed back: the worker is stopping")
    cluster.settle(workers=1)
    assert cluster.result(job_ids[0]) == undisturbed
    for job_id in job_ids:
        assert cluster.ended(job_id).attempts == 1
    cluster.assert_sound(job_ids)
