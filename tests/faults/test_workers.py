"""Workers that die, hang, stop or come back from the dead in mid-job."""

from __future__ import annotations

import resource
import signal

import psutil
import pytest

from tests.faults.cluster import LONG, Cluster, Running
from tests.faults.conftest import Row
from tests.faults.servers import PATIENCE_SECONDS


def test_a_killed_workers_job_goes_on_elsewhere_and_ends_in_the_same_picture(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "W1",
        "SIGKILL of a whole worker in mid-job",
        "another worker goes on from the last checkpoint, to the same bytes",
        "until the job is resumed",
    )
    row.strike()
    held.worker.kill()
    assert cluster.running_on(held.job_id, after=held.mark, message="job resumed") != held.worker
    row.recovered()
    cluster.assert_undisturbed(held, attempts=2)


def test_a_killed_childs_job_is_done_by_another_child(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "W2",
        "SIGKILL of the process that optimises",
        "its parent starts another, and the job goes on",
        "until the job is resumed",
    )
    row.strike()
    cluster.kill_child(held.worker)
    cluster.log.wait("job resumed", after=held.mark, job_id=held.job_id)
    row.recovered()
    cluster.open_gate()
    cluster.log.wait("worker ready", after=held.mark, process=held.worker.name)
    assert held.worker.alive
    cluster.assert_undisturbed(held, attempts=2)


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_told_to_stop_hands_its_job_back(
    cluster: Cluster, held: Running, row: Row, times: int
) -> None:
    row(
        "W3" if times == 1 else "W4",
        "SIGTERM in mid-job" + (", twice" if times == 2 else ""),
        "the worker saves the job, hands it back without using up an attempt, and ends with 0",
        "until the worker has ended",
    )
    row.strike()
    for _ in range(times):
        held.worker.send(signal.SIGTERM)
    cluster.log.wait(
        "job handed back: the worker is stopping", after=held.mark, process=held.worker.name
    )
    assert held.worker.popen.wait(PATIENCE_SECONDS) == 0
    row.recovered()
    assert cluster.running_on(held.job_id, after=held.mark, message="job resumed") != held.worker
    cluster.assert_undisturbed(held, attempts=1)


def test_a_worker_that_wakes_up_after_its_lease_writes_nothing(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "W5",
        "SIGSTOP of a worker past its lease, then SIGCONT",
        "another worker has the job by then; what the first one writes is refused",
        "until the job is resumed elsewhere",
    )
    frozen = held.worker
    row.strike()
    frozen.send_to_all(signal.SIGSTOP)
    try:
        assert cluster.running_on(held.job_id, after=held.mark, message="job resumed") != frozen
        row.recovered()
        cluster.open_gate()
        ended = cluster.ended(held.job_id)
    finally:
        frozen.send_to_all(signal.SIGCONT)
    cluster.log.wait(
        "job abandoned: another attempt owns it",
        after=held.mark,
        process=frozen.name,
        job_id=held.job_id,
    )
    assert cluster.ended(held.job_id) == ended
    cluster.assert_undisturbed(held, attempts=2)


def test_a_job_that_kills_every_worker_fails_after_three(cluster: Cluster, row: Row) -> None:
    row(
        "W6",
        "a job that kills each process that runs it",
        "three attempts, then `failed` with code `worker_lost`; the workers go on",
        "until the job has failed, from its first worker's death on",
    )
    with cluster.holding("job started") as held:
        row.strike()
        cluster.kill_child(held.worker)
        for attempt in (2, 3):
            line = cluster.log.wait(
                "job started", after=held.mark, job_id=held.job_id, attempt=attempt
            )
            (victim,) = (worker for worker in cluster.workers if worker.name == line["process"])
            cluster.kill_child(victim)
        ended = cluster.ended(held.job_id)
        row.recovered()
    assert ended.error is not None
    assert (ended.status, ended.error.code, ended.attempts) == ("failed", "worker_lost", 3)
    assert all(worker.alive for worker in cluster.workers)
    cluster.assert_sound([held.job_id])


def test_jobs_that_do_not_fit_into_memory_fail_and_the_workers_go_on(
    cluster: Cluster, row: Row
) -> None:
    row(
        "W7",
        "a job for which the memory is not enough",
        "`failed` with code `out_of_memory`; the next job is done by the same process",
    )
    children = [cluster.ready(worker).child() for worker in cluster.workers]
    for child in children:
        spare = child.memory_info().vms + 64 * 2**20
        child.rlimit(psutil.RLIMIT_AS, (spare, resource.RLIM_INFINITY))
    job_id = cluster.post(size=1024, steps=1)
    ended = cluster.ended(job_id)
    assert ended.error is not None
    assert (ended.status, ended.error.code) == ("failed", "out_of_memory")
    for child in children:
        child.rlimit(psutil.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    cluster.assert_sound([job_id])
    assert [worker.child().pid for worker in cluster.workers] == [child.pid for child in children]


def test_a_worker_killed_just_after_the_claim_loses_nothing(cluster: Cluster, row: Row) -> None:
    row(
        "W10",
        "SIGKILL just after the claim, before anything was written",
        "the job begins anew elsewhere",
        "until the job is begun again",
    )
    with cluster.holding("job started") as held:
        row.strike()
        held.worker.kill()
        cluster.log.wait("job started", after=held.mark, job_id=held.job_id, attempt=2)
        row.recovered()
    cluster.assert_undisturbed(held, attempts=2)


def test_a_running_job_that_is_called_off_ends_and_its_neighbour_does_not(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "A3",
        "POST /jobs/{id}/cancel in mid-job, three times",
        "canceled within a step; the job beside it is not touched",
        "until the job is canceled",
    )
    called_off = cluster.post(**LONG)
    cluster.running_on(called_off, after=held.mark)
    row.strike()
    for _ in range(3):
        assert cluster.http.post(f"/jobs/{called_off}/cancel").status_code == 200
    cluster.open_gate()
    ended = cluster.ended(called_off)
    row.recovered()
    assert ended.status == "canceled"
    assert cluster.http.get(f"/jobs/{called_off}/result").json()["code"] == "job_canceled"
    cluster.assert_undisturbed(held, attempts=1)
    cluster.assert_sound([called_off])
