"""A service with one worker: its connection fails, it hangs, it receives nothing, it is stopped."""

from __future__ import annotations

import os
import select
import signal

import psutil

from core.queue.app import JOB_QUEUES, make_celery
from core.runtime.resources import memory_limit
from tests.faults.conftest import Row
from tests.service.cluster import LONG, Cluster
from tests.service.gate import HANG
from tests.service.proxy import Wire
from tests.service.servers import PATIENCE_SECONDS


def test_a_slow_connection_costs_no_attempt(single: Cluster, wire: Wire, row: Row) -> None:
    row(
        "R7",
        "200 ms of extra latency from a worker to Redis",
        "its jobs succeed as usual, at the first attempt",
    )
    wire.delay_seconds = 0.2
    job_id = single.post(**LONG)
    assert single.result(job_id) == single.undisturbed
    assert single.view(job_id)["metrics"]["attempts"] == 1
    single.assert_sound([job_id])


def test_a_worker_takes_jobs_again_after_its_connection_was_silent(
    single: Cluster, wire: Wire, row: Row
) -> None:
    row(
        "R6",
        "a worker's connections to Redis go silent during a job, for longer than a lease",
        "its late writes are refused; it takes jobs again by itself",
        "from the repair until the job has succeeded",
    )
    with single.holding() as held:
        wire.open.clear()
        single.log.wait("attempt ended: its lease expired", after=held.mark, job_id=held.job_id)
        row.begin()
        wire.open.set()
        single.log.wait(
            "job abandoned: another attempt owns it", after=held.mark, job_id=held.job_id
        )
        single.open_gate()
        assert single.ended(held.job_id).status == "succeeded"
        row.recovered()
    single.settle(workers=1)  # its watchdog may have ended it
    single.assert_undisturbed(held, attempts=2)


def test_a_redelivery_by_the_queue_is_dropped(single: Cluster, row: Row) -> None:
    row(
        "D2b",
        "Celery's visibility timeout expires during a job",
        "the second delivery is dropped, and no message is left behind",
    )
    with single.holding() as held:
        messages = JOB_QUEUES[0]
        single.wait_for_key(messages, lambda: bool(single.redis.exists(messages)))
    assert single.ended(held.job_id).attempts == 1
    single.log.wait("no job to start", after=held.mark, woken_for=held.job_id)
    assert len(single.log.since(held.mark, "job started", job_id=held.job_id)) == 1
    single.assert_undisturbed(held, attempts=1)
    single.wait_until_empty("unacked")


def test_a_cancelled_job_whose_optimiser_hangs_ends_canceled(no_worker: Cluster, row: Row) -> None:
    row(
        "W8",
        "a step that never ends, in a job that was cancelled",
        "the process exits after EASEL_STALL_SECONDS; the job is `canceled`",
        "from the exit until the job is canceled",
    )
    no_worker.only(EASEL_STALL_SECONDS="2")
    with no_worker.holding() as held:
        held.worker.child().send_signal(HANG)
        assert no_worker.http.post(f"/jobs/{held.job_id}/cancel").json()["status"] == "running"
        no_worker.log.wait("optimiser stalled; exiting", after=held.mark, job_id=held.job_id)
        row.begin()
        ended = no_worker.ended(held.job_id)
        row.recovered()
    assert (ended.status, ended.attempts) == ("canceled", 1)
    no_worker.log.wait("worker ready", after=held.mark, process=held.worker.name)
    assert held.worker.alive
    no_worker.assert_sound([held.job_id])


def test_the_worker_exits_when_redis_stays_unreachable(no_worker: Cluster, row: Row) -> None:
    row(
        "R3b",
        "Redis is unreachable for longer than EASEL_PATIENCE_SECONDS",
        "the process exits, the lease expires, and another attempt runs the job",
        "from the restart of Redis until the job has succeeded",
    )
    no_worker.only(EASEL_PATIENCE_SECONDS="1")
    with no_worker.holding() as held:
        child = os.pidfd_open(held.worker.child().pid)
        no_worker.valkey.kill()
        no_worker.open_gate()
        assert select.select([child], [], [], PATIENCE_SECONDS)[0] == [child]
        os.close(child)
        row.begin()
        no_worker.start_valkey()
        assert no_worker.ended(held.job_id).status == "succeeded"
        row.recovered()
    no_worker.assert_undisturbed(held, attempts=2)


def test_a_worker_that_receives_no_jobs_exits(single: Cluster, row: Row) -> None:
    row(
        "L1",
        "a worker that is connected but receives no messages",
        "it notices that jobs wait and exits, so that its supervisor restarts it",
        "until it has exited, with EASEL_IDLE_SECONDS=5",
    )
    (worker,) = single.workers
    control = make_celery(single.redis_url).control
    destination = [f"{worker.name}@tests"]
    assert control.cancel_consumer("easel.jobs", destination=destination, reply=True, timeout=60)
    row.begin()
    job_id = single.post()
    assert worker.popen.wait(PATIENCE_SECONDS) == 75
    row.recovered()
    single.settle(workers=1)
    assert single.ended(job_id).status == "succeeded"
    single.assert_sound([job_id])


def test_a_result_whose_worker_died_before_the_status_was_set_is_found(
    single: Cluster, wire: Wire, row: Row
) -> None:
    row(
        "W9",
        "SIGKILL after the result's file is stored, before the job's status is",
        "the next attempt finds the file and does not paint again",
        "from the kill until the job has succeeded",
    )
    wire.swallow = single.store._finish.sha.encode()
    mark = single.log.mark()
    job_id = single.post(**LONG)
    assert wire.swallowed.wait(PATIENCE_SECONDS)
    wire.mend()
    (victim,) = single.workers
    row.begin()
    victim.kill()
    single.workers = []
    successor = single.start_worker()
    single.log.wait(
        "result found: an earlier attempt had stored it",
        after=mark,
        process=successor.name,
        job_id=job_id,
    )
    assert single.result(job_id) == single.undisturbed
    row.recovered()
    assert single.view(job_id)["metrics"]["attempts"] == 2
    single.assert_sound([job_id])


def test_readyz_lists_the_workers_and_what_is_missing(single: Cluster, row: Row) -> None:
    row("L2", "no worker is left", "`/readyz` responds with 503 and names `workers`")
    for worker in single.readiness(missing=[])["workers"]:
        assert 0 < worker["memory_available_bytes"] < worker["memory_total_bytes"]
    (worker,) = single.workers
    worker.send(signal.SIGTERM)
    assert worker.popen.wait(PATIENCE_SECONDS) == 0
    single.readiness(missing=["workers"])


def test_a_worker_of_two_processes_runs_two_jobs_and_hands_both_back(single: Cluster) -> None:
    worker = single.only(EASEL_WORKERS="2")
    mark = single.log.mark()
    single.shut_gate()
    jobs = [single.post(**LONG), single.post(**LONG)]
    for job_id in jobs:
        single.log.wait("checkpoint saved", after=mark, job_id=job_id)
    workers = single.readiness(missing=[])["workers"]  # a killed one may still be in it
    children = {str(child.pid) for child in psutil.Process(worker.popen.pid).children(True)}
    processes = [each for each in workers if each["id"].rpartition(":")[2] in children]
    assert len(processes) == 2
    shares = sum(process["memory_total_bytes"] for process in processes)
    assert shares <= memory_limit()

    worker.send(signal.SIGTERM)
    assert worker.popen.wait(PATIENCE_SECONDS) == 0

    for job_id in jobs:
        job = single.view(job_id)
        assert (job["status"], job["metrics"]["attempts"]) == ("queued", 0)
    single.settle(workers=1)
    for job_id in jobs:
        assert single.result(job_id) == single.undisturbed
    single.assert_sound(jobs)
