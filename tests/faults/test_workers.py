"""Workers that die, hang, stop or come back from the dead in mid-job."""

from __future__ import annotations

import signal

import pytest

from tests.faults.cluster import PATIENCE_SECONDS, Cluster
from tests.faults.conftest import LONG, Row


def test_a_killed_workers_job_goes_on_elsewhere_and_ends_in_the_same_picture(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "W1",
        "SIGKILL of a whole worker in mid-job",
        "another worker goes on from the last checkpoint, to the same bytes",
        "until the job is resumed",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    victim = cluster.running_on(job_id, after=mark)
    row.strike()
    victim.kill()
    assert cluster.running_on(job_id, after=mark, message="job resumed") != victim
    row.recovered()
    assert cluster.result(job_id) == undisturbed
    assert cluster.view(job_id)["metrics"]["attempts"] == 2
    cluster.assert_sound([job_id])


def test_a_killed_childs_job_is_done_by_another_child(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "W2",
        "SIGKILL of the process that optimises",
        "its parent starts another, and the job goes on",
        "until the job is resumed",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    victim = cluster.running_on(job_id, after=mark)
    row.strike()
    victim.child().kill()
    cluster.log.wait("job resumed", after=mark, job_id=job_id)
    row.recovered()
    assert cluster.result(job_id) == undisturbed
    assert victim.alive
    cluster.log.wait("worker ready", after=mark, process=victim.name)
    cluster.assert_sound([job_id])


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_told_to_stop_hands_its_job_back(
    cluster: Cluster, undisturbed: bytes, row: Row, times: int
) -> None:
    row(
        "W3" if times == 1 else "W4",
        "SIGTERM in mid-job" + (", twice" if times == 2 else ""),
        "the worker saves the job, hands it back without using up an attempt, and ends with 0",
        "until the worker has ended",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    leaving = cluster.running_on(job_id, after=mark)
    row.strike()
    for _ in range(times):
        leaving.send(signal.SIGTERM)
    assert leaving.popen.wait(PATIENCE_SECONDS) == 0
    row.recovered()
    cluster.log.wait("job handed back: the worker stops", after=mark, job_id=job_id)
    assert cluster.running_on(job_id, after=mark, message="job resumed") != leaving
    assert cluster.result(job_id) == undisturbed
    assert cluster.view(job_id)["metrics"]["attempts"] == 1
    cluster.assert_sound([job_id])


def test_a_worker_that_wakes_up_after_its_lease_writes_nothing(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "W5",
        "SIGSTOP of a worker past its lease, then SIGCONT",
        "another worker has the job by then; what the first one writes is refused",
        "until the job is resumed elsewhere",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    frozen = cluster.running_on(job_id, after=mark)
    row.strike()
    frozen.send_to_all(signal.SIGSTOP)
    try:
        assert cluster.running_on(job_id, after=mark, message="job resumed") != frozen
        row.recovered()
        ended = cluster.ended(job_id)
    finally:
        frozen.send_to_all(signal.SIGCONT)
    cluster.log.wait(
        "job given up: another attempt has it", after=mark, process=frozen.name, job_id=job_id
    )
    assert cluster.ended(job_id) == ended
    assert cluster.result(job_id) == undisturbed
    cluster.assert_sound([job_id])


def test_a_job_that_kills_every_worker_fails_after_three(cluster: Cluster, row: Row) -> None:
    row(
        "W6",
        "a job that kills each process that runs it",
        "three attempts, then `failed` with code `worker_lost`; the workers go on",
        "until the job has failed, from its first worker's death on",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    row.strike()
    for attempt in (1, 2, 3):
        line = cluster.log.wait("job started", after=mark, job_id=job_id, attempt=attempt)
        (victim,) = (worker for worker in cluster.workers if worker.name == line["process"])
        victim.child().kill()
    ended = cluster.ended(job_id)
    row.recovered()
    assert ended.error is not None
    assert (ended.status, ended.error.code, ended.attempts) == ("failed", "worker_lost", 3)
    assert all(worker.alive for worker in cluster.workers)
    cluster.assert_sound([job_id])


def test_a_worker_killed_just_after_the_claim_loses_nothing(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "W10",
        "SIGKILL just after the claim, before anything was written",
        "the job begins anew elsewhere",
        "until the job is begun again",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    victim = cluster.running_on(job_id, after=mark, message="job started")
    row.strike()
    victim.kill()
    cluster.log.wait("job started", after=mark, job_id=job_id, attempt=2)
    row.recovered()
    assert cluster.result(job_id) == undisturbed
    cluster.assert_sound([job_id])
