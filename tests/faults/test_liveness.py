"""Workers that hang or do not listen are noticed; what cannot be done is said."""

from __future__ import annotations

import resource
import signal

import psutil

from core.queue import make_celery
from tests.faults.cluster import PATIENCE_SECONDS, Cluster
from tests.faults.conftest import LONG, Row


def test_a_job_that_does_not_fit_into_memory_fails_and_the_worker_goes_on(
    cluster: Cluster, row: Row
) -> None:
    row(
        "W7",
        "a job for which the memory is not enough",
        "`failed` with code `out_of_memory`; the next job is done by the same process",
    )
    worker = cluster.only()
    child = worker.child()
    spare = child.memory_info().vms + 64 * 2**20
    child.rlimit(psutil.RLIMIT_AS, (spare, resource.RLIM_INFINITY))
    job_id = cluster.post(size=1024, steps=1)
    ended = cluster.ended(job_id)
    assert ended.error is not None
    assert (ended.status, ended.error.code) == ("failed", "out_of_memory")
    child.rlimit(psutil.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    cluster.assert_sound([job_id])
    assert worker.child().pid == child.pid


def test_an_optimiser_that_hangs_is_restarted_and_a_cancel_is_kept(
    cluster: Cluster, row: Row
) -> None:
    row(
        "W8",
        "a step that takes for ever, and ignores that the job was called off",
        "the process ends after EASEL_STALL_SECONDS; the job is `canceled`",
        "from the worker giving up until the job is canceled",
    )
    worker = cluster.only(EASEL_STALL_SECONDS="0.5")
    mark = cluster.log.mark()
    job_id = cluster.post(size=1536, steps=5000)  # one step takes longer than that
    cluster.log.wait("job started", after=mark, job_id=job_id)
    assert cluster.http.post(f"/jobs/{job_id}/cancel").json()["status"] == "running"
    cluster.log.wait("no step in a long time; giving up", after=mark, process=worker.name)
    row.strike()
    ended = cluster.ended(job_id)
    row.recovered()
    assert (ended.status, ended.attempts) == ("canceled", 1)
    cluster.log.wait("worker ready", after=mark, process=worker.name)
    cluster.assert_sound([job_id])


def test_a_running_job_that_is_called_off_ends_and_its_neighbour_does_not(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "A3",
        "POST /jobs/{id}/cancel in mid-job, three times",
        "canceled within a step; the job beside it is not touched",
        "until the job is canceled",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**{**LONG, "steps": 5000})
    neighbour = cluster.post(**LONG)
    for each in (job_id, neighbour):
        cluster.running_on(each, after=mark)
    row.strike()
    for _ in range(3):
        assert cluster.http.post(f"/jobs/{job_id}/cancel").status_code == 200
    ended = cluster.ended(job_id)
    row.recovered()
    assert ended.status == "canceled"
    assert cluster.result(neighbour) == undisturbed
    assert cluster.http.get(f"/jobs/{job_id}/result").json()["code"] == "job_canceled"
    cluster.assert_sound([job_id, neighbour])


def test_a_worker_that_is_connected_but_takes_no_jobs_restarts_itself(
    cluster: Cluster, row: Row
) -> None:
    row(
        "L1",
        "a worker that is connected but takes no messages",
        "it notices that jobs wait, and ends for its supervisor to start it again",
        "until it has ended, with EASEL_IDLE_SECONDS=5",
    )
    worker = cluster.only()
    make_celery(cluster.redis_url).control.cancel_consumer("easel.jobs", reply=True, timeout=10)
    row.strike()
    job_id = cluster.post()
    assert worker.popen.wait(PATIENCE_SECONDS) == 75
    row.recovered()
    cluster.settle(workers=1)
    assert cluster.ended(job_id).status == "succeeded"
    cluster.assert_sound([job_id])


def test_the_api_says_who_is_there_and_what_is_missing(cluster: Cluster, row: Row) -> None:
    row("L2", "no worker is left", "`/readyz` answers 503 and names `workers`")
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    busy = cluster.running_on(job_id, after=mark)
    ready = cluster.http.get("/readyz")
    assert ready.status_code == 200
    for worker in ready.json()["workers"]:
        assert 0 < worker["memory_available_bytes"] < worker["memory_total_bytes"]
    assert cluster.ended(job_id).status == "succeeded"
    for worker in cluster.workers:
        worker.send(signal.SIGTERM)
    for worker in cluster.workers:
        assert worker.popen.wait(PATIENCE_SECONDS) == 0
    assert not busy.alive
    missing = cluster.http.get("/readyz")
    assert (missing.status_code, missing.json()["missing"]) == (503, ["workers"])


def test_parts_that_start_before_redis_wait_for_it(apart: Cluster, row: Row) -> None:
    row(
        "L3",
        "the api and a worker start while Redis is away",
        "neither ends; both work as soon as Redis is there",
        "from the start of Redis until a job has succeeded",
    )
    apart.start_api()
    worker = apart.ready(apart.start_worker())
    missing = apart.http.get("/readyz")
    assert (missing.status_code, missing.json()["missing"]) == (503, ["redis", "workers"])
    assert apart.try_to_post().status_code == 503
    row.strike()
    apart.start_valkey()
    job_id = apart.post()
    assert apart.ended(job_id).status == "succeeded"
    row.recovered()
    assert apart.api.alive
    assert worker.alive
    assert len(apart.log.since(0, "worker ready")) == 1


def test_with_the_default_settings_a_killed_workers_job_goes_on_within_15_seconds(
    apart: Cluster, row: Row
) -> None:
    row(
        "W1, defaults",
        "SIGKILL of a whole worker in mid-job, all settings as they come",
        "another worker goes on within 15 s",
        "until the job is begun again",
    )
    apart.start(workers=2)
    mark = apart.log.mark()
    job_id = apart.post(**LONG)
    victim = apart.running_on(job_id, after=mark, message="job started")
    row.strike()
    victim.kill()
    apart.log.wait("job started", after=mark, job_id=job_id, attempt=2)
    assert row.recovered() < 15
    apart.assert_sound([job_id])


def test_workers_that_are_started_and_stopped_all_the_time_lose_nothing(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "W11",
        "20 times a worker is started and told to stop, at four stages of its start",
        "each ends in its time with its jobs handed back, and they all succeed",
    )
    cluster.only().kill()
    cluster.workers = []
    job_ids = [cluster.post(**LONG), cluster.post()]
    for turn in range(20):
        mark = cluster.log.mark()
        worker = cluster.start_worker()
        if turn % 3 == 1:
            cluster.log.wait("parent started", after=mark, process=worker.name)
        elif turn in (2, 11):
            cluster.log.wait("worker ready", after=mark, process=worker.name)
        elif turn in (5, 14):
            cluster.log.wait("job started", after=mark, process=worker.name)
        worker.send(signal.SIGTERM)
        assert worker.popen.wait(PATIENCE_SECONDS) in (0, -signal.SIGTERM)
    cluster.settle(workers=2)
    assert cluster.result(job_ids[0]) == undisturbed
    assert cluster.view(job_ids[0])["metrics"]["attempts"] == 1
    cluster.assert_sound(job_ids)
