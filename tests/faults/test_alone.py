"""The only worker there is: on a bad wire, out of patience, hanging, deaf, gone."""

from __future__ import annotations

import hashlib
import os
import select
import signal

from core.queue.app import MESSAGE_LISTS, make_celery
from core.store.scripts import script_text
from tests.faults.cluster import LONG, Cluster
from tests.faults.conftest import Row
from tests.faults.gate import HANG
from tests.faults.proxy import Wire
from tests.faults.servers import PATIENCE_SECONDS


def test_a_slow_wire_slows_no_job_down_for_good(alone: Cluster, wire: Wire, row: Row) -> None:
    row("R7", "200 ms more from a worker to Redis", "its jobs end as ever, at the first attempt")
    wire.delay_seconds = 0.2
    job_id = alone.post(**LONG)
    assert alone.result(job_id) == alone.undisturbed
    assert alone.view(job_id)["metrics"]["attempts"] == 1
    alone.assert_sound([job_id])


def test_a_half_open_connection_is_given_up_and_the_worker_takes_jobs_again(
    alone: Cluster, wire: Wire, row: Row
) -> None:
    row(
        "R6",
        "a worker's connections to Redis pass nothing more, in mid-job, for longer than a lease",
        "what it would write is refused afterwards; it takes jobs again by itself",
        "from the wire being whole until the job has succeeded",
    )
    with alone.holding() as held:
        wire.open.clear()
        alone.log.wait("attempt ended: its lease expired", after=held.mark, job_id=held.job_id)
        row.strike()
        wire.open.set()
        alone.log.wait(
            "job abandoned: another attempt owns it", after=held.mark, job_id=held.job_id
        )
        alone.open_gate()
        assert alone.ended(held.job_id).status == "succeeded"
        row.recovered()
    alone.settle(workers=1)  # should its watchdog have ended it
    alone.assert_undisturbed(held, attempts=2)


def test_redelivery_by_the_queue_itself_does_no_harm(alone: Cluster, row: Row) -> None:
    row(
        "D2b",
        "Celery's visibility timeout ends in mid-job",
        "the second delivery is dropped, and no message is left behind",
    )
    with alone.holding() as held:
        usual = MESSAGE_LISTS[1]
        alone.wait_for_key(usual, lambda: bool(alone.redis.exists(usual)))
    assert alone.ended(held.job_id).attempts == 1
    alone.log.wait("job not claimed: it is not queued", after=held.mark, job_id=held.job_id)
    assert len(alone.log.since(held.mark, "job started", job_id=held.job_id)) == 1
    alone.assert_undisturbed(held, attempts=1)
    alone.wait_until_empty("unacked")


def test_an_optimiser_that_hangs_is_restarted_and_a_cancel_is_kept(
    unstaffed: Cluster, row: Row
) -> None:
    row(
        "W8",
        "a step that takes for ever, and ignores that the job was called off",
        "the process ends after EASEL_STALL_SECONDS; the job is `canceled`",
        "from the worker giving up until the job is canceled",
    )
    unstaffed.only(EASEL_STALL_SECONDS="2")
    with unstaffed.holding() as held:
        held.worker.child().send_signal(HANG)
        assert unstaffed.http.post(f"/jobs/{held.job_id}/cancel").json()["status"] == "running"
        unstaffed.log.wait("optimiser stalled; exiting", after=held.mark, job_id=held.job_id)
        row.strike()
        ended = unstaffed.ended(held.job_id)
        row.recovered()
    assert (ended.status, ended.attempts) == ("canceled", 1)
    unstaffed.log.wait("worker ready", after=held.mark, process=held.worker.name)
    assert held.worker.alive
    unstaffed.assert_sound([held.job_id])


def test_the_worker_gives_up_its_job_when_its_patience_with_redis_ends(
    unstaffed: Cluster, row: Row
) -> None:
    row(
        "R3b",
        "Redis is away for longer than EASEL_PATIENCE_SECONDS",
        "the process ends with the job's lease, and the job goes on elsewhere",
        "from the restart of Redis until the job has succeeded",
    )
    unstaffed.only(EASEL_PATIENCE_SECONDS="1")
    with unstaffed.holding() as held:
        end = os.pidfd_open(held.worker.child().pid)
        unstaffed.valkey.kill()
        unstaffed.open_gate()
        assert select.select([end], [], [], PATIENCE_SECONDS)[0] == [end]
        os.close(end)
        row.strike()
        unstaffed.start_valkey()
        assert unstaffed.ended(held.job_id).status == "succeeded"
        row.recovered()
    unstaffed.assert_undisturbed(held, attempts=2)


def test_a_worker_that_is_connected_but_takes_no_jobs_restarts_itself(
    alone: Cluster, row: Row
) -> None:
    row(
        "L1",
        "a worker that is connected but takes no messages",
        "it notices that jobs wait, and ends for its supervisor to start it again",
        "until it has ended, with EASEL_IDLE_SECONDS=5",
    )
    (worker,) = alone.workers
    to = [f"{worker.name}@tests"]
    remote = make_celery(alone.redis_url).control
    assert remote.cancel_consumer("easel.jobs", destination=to, reply=True, timeout=60)
    row.strike()
    job_id = alone.post()
    assert worker.popen.wait(PATIENCE_SECONDS) == 75
    row.recovered()
    alone.settle(workers=1)
    assert alone.ended(job_id).status == "succeeded"
    alone.assert_sound([job_id])


def test_a_result_whose_worker_died_before_it_was_told_is_found_again(
    alone: Cluster, wire: Wire, row: Row
) -> None:
    row(
        "W9",
        "SIGKILL between the result's file and the job's status",
        "the next attempt finds the file, and paints nothing",
        "from the kill until the job has succeeded",
    )
    script = script_text("jobs/finish")
    wire.swallow = hashlib.sha1(script.encode()).hexdigest().encode()
    mark = alone.log.mark()
    job_id = alone.post(**LONG)
    assert wire.swallowed.wait(PATIENCE_SECONDS)
    wire.mend()
    (victim,) = alone.workers
    row.strike()
    victim.kill()
    alone.workers = []
    successor = alone.start_worker()
    alone.log.wait(
        "result found: an earlier attempt had stored it",
        after=mark,
        process=successor.name,
        job_id=job_id,
    )
    assert alone.result(job_id) == alone.undisturbed
    row.recovered()
    assert alone.view(job_id)["metrics"]["attempts"] == 2
    alone.assert_sound([job_id])


def test_the_api_says_who_is_there_and_what_is_missing(alone: Cluster, row: Row) -> None:
    row("L2", "no worker is left", "`/readyz` answers 503 and names `workers`")
    for worker in alone.readiness(missing=[])["workers"]:
        assert 0 < worker["memory_available_bytes"] < worker["memory_total_bytes"]
    (worker,) = alone.workers
    worker.send(signal.SIGTERM)
    assert worker.popen.wait(PATIENCE_SECONDS) == 0
    alone.readiness(missing=["workers"])
