"""Parts that start and stop in any order, with all settings as they come."""

from __future__ import annotations

import signal

from tests.faults.cluster import LONG, Cluster
from tests.faults.conftest import MEASURING, Row
from tests.faults.servers import PATIENCE_SECONDS

#: How many starts are stopped; the same four stages come again and again.
TURNS = 20 if MEASURING else 8


def test_parts_that_start_before_redis_wait_for_it(as_it_comes: Cluster, row: Row) -> None:
    row(
        "L3",
        "the api and a worker start while Redis is away",
        "neither ends; both work as soon as Redis is there",
        "from the start of Redis until a job has succeeded",
    )
    cluster = as_it_comes
    cluster.start_api()
    worker = cluster.ready(cluster.start_worker())
    assert cluster.readiness(missing=["redis", "workers"])
    assert cluster.try_to_post().status_code == 503
    row.strike()
    cluster.start_valkey()
    job_id = cluster.post()
    assert cluster.ended(job_id).status == "succeeded"
    row.recovered()
    assert cluster.api.alive
    assert worker.alive
    assert len(cluster.log.since(0, "worker ready")) == 1


def test_a_killed_workers_job_goes_on_within_15_seconds(as_it_comes: Cluster, row: Row) -> None:
    row(
        "W1, defaults",
        "SIGKILL of a whole worker in mid-job, all settings as they come",
        "another worker goes on within 15 s",
        "until the job is begun again",
    )
    cluster = as_it_comes
    cluster.settle(workers=2)
    with cluster.holding("job started") as held:
        row.strike()
        held.worker.kill()
        cluster.log.wait("job started", after=held.mark, job_id=held.job_id, attempt=2)
        seconds = row.recovered()
    # A machine that is busy with other things may take its time, but not for the page.
    assert seconds < 15 or not MEASURING
    cluster.assert_sound([held.job_id])


def test_workers_that_are_started_and_stopped_all_the_time_lose_nothing(
    as_it_comes: Cluster, row: Row
) -> None:
    row(
        "W11",
        f"{TURNS} times a worker is started and told to stop, at four stages of its start",
        "each ends in its time with its jobs handed back, and they all succeed",
    )
    cluster = as_it_comes
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
