"""Workers that die, freeze or stop during a job."""

from __future__ import annotations

import resource
import signal
import time

import psutil
import pytest

from tests.faults.conftest import Row
from tests.service.cluster import LONG, Cluster, Running
from tests.service.gate import HANG
from tests.service.servers import PATIENCE_SECONDS


def test_the_job_of_a_killed_worker_is_resumed_with_the_same_result(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "W1",
        "SIGKILL of a worker during a job",
        "another worker resumes from the last checkpoint, with the same result bytes",
        "until the job is resumed",
    )
    row.begin()
    held.worker.kill()
    assert cluster.running_on(held.job_id, after=held.mark, message="job resumed") != held.worker
    row.recovered()
    cluster.assert_undisturbed(held, attempts=2)


def test_the_job_of_a_killed_child_is_resumed_by_another_child(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "W2",
        "SIGKILL of the worker's child process",
        "the parent starts another child, and the job resumes",
        "until the job is resumed",
    )
    row.begin()
    cluster.kill_child(held.worker)
    cluster.log.wait("job resumed", after=held.mark, job_id=held.job_id)
    row.recovered()
    cluster.open_gate()
    cluster.log.wait("worker ready", after=held.mark, process=held.worker.name)
    assert held.worker.alive
    cluster.assert_undisturbed(held, attempts=2)


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_that_gets_sigterm_hands_its_job_back(
    cluster: Cluster, held: Running, row: Row, times: int
) -> None:
    row(
        "W3" if times == 1 else "W4",
        "SIGTERM during a job" + (", twice" if times == 2 else ""),
        "the worker saves the job, hands it back without using an attempt, and exits with 0",
        "until the worker has exited",
    )
    row.begin()
    for _ in range(times):
        held.worker.send(signal.SIGTERM)
    cluster.log.wait(
        "job handed back: the worker is stopping", after=held.mark, process=held.worker.name
    )
    assert held.worker.popen.wait(PATIENCE_SECONDS) == 0
    row.recovered()
    assert cluster.running_on(held.job_id, after=held.mark, message="job resumed") != held.worker
    cluster.assert_undisturbed(held, attempts=1)


def test_a_worker_that_gets_sigterm_in_a_step_without_end_hands_its_job_back(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "W13",
        "SIGTERM during a step that never ends",
        "the step is abandoned; the job is handed back with its last checkpoint within 10 s, "
        "without using an attempt",
        "until the worker has exited",
    )
    held.worker.child().send_signal(HANG)
    began = time.monotonic()
    row.begin()
    held.worker.send(signal.SIGTERM)
    cluster.log.wait(
        "job handed back in the middle of a step", after=held.mark, process=held.worker.name
    )
    assert time.monotonic() - began < 10
    held.worker.popen.wait(PATIENCE_SECONDS)
    row.recovered()
    assert cluster.running_on(held.job_id, after=held.mark, message="job resumed") != held.worker
    cluster.assert_undisturbed(held, attempts=1)


def test_a_worker_that_was_frozen_past_its_lease_writes_nothing(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "W5",
        "SIGSTOP of a worker for longer than its lease, then SIGCONT",
        "another worker has taken the job; writes by the first are refused",
        "until another worker resumes the job",
    )
    frozen = held.worker
    row.begin()
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


def test_a_job_that_kills_every_worker_fails_after_three_attempts(
    cluster: Cluster, row: Row
) -> None:
    row(
        "W6",
        "a job that kills every process that runs it",
        "three attempts, then `failed` with code `worker_lost`; the workers keep running",
        "from the death of the first worker until the job has failed",
    )
    with cluster.holding("job started") as held:
        row.begin()
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


def test_a_job_that_does_not_fit_into_memory_fails_and_the_workers_keep_running(
    cluster: Cluster, row: Row
) -> None:
    row(
        "W7",
        "a job that does not fit into memory",
        "`failed` with code `out_of_memory`; the same process runs the next job",
    )
    children = [cluster.ready(worker).child() for worker in cluster.workers]
    mark = cluster.log.mark()
    for child in children:
        # Not its address space, of which glibc reserves as much for each new thread.
        limit = child.memory_info().data + 96 * 2**20
        child.rlimit(psutil.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
    try:
        # A tensor of 113 MB. If a small allocation failed, the libraries would have no memory.
        job_id = cluster.post(size=3072, pyramid="off", steps=1)
        ended = cluster.ended(job_id)
    finally:
        for child in children:
            child.rlimit(psutil.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    line = cluster.log.wait("job failed", after=mark, job_id=job_id)
    assert line["code"] == "out_of_memory", line
    assert ended.error is not None
    assert (ended.status, ended.error.code) == ("failed", "out_of_memory")
    cluster.assert_sound([job_id])
    now = [worker.child() for worker in cluster.workers]
    assert now == children, cluster.log.tail(mark)


ILLEGAL_ACCESS = "CUDA error: an illegal memory access was encountered"


def test_a_worker_whose_device_fails_for_every_job_leaves_them_to_others(
    cluster: Cluster, row: Row
) -> None:
    row(
        "W12",
        "a device that fails at the second step of every job",
        "each failure ends the process and leaves the job's record alone; after three in a row the "
        "worker takes no more jobs, `/readyz` says why, and another worker completes the jobs",
        "from the first failure until both jobs have succeeded",
    )
    mark = cluster.log.mark()
    broken = cluster.only(FAULT_DEVICE=ILLEGAL_ACCESS)
    jobs = [cluster.post() for _ in range(2)]
    cluster.log.wait("the device failed; exiting", after=mark, process=broken.name)
    row.begin()
    out = cluster.log.wait("worker out of service", after=mark, process=broken.name)
    failures = len(cluster.log.since(mark, "the device failed; exiting", process=broken.name))
    assert failures == 3
    assert f"the device failed {failures} times in a row" in out["reason"]
    assert ILLEGAL_ACCESS in out["reason"]
    warnings = cluster.readiness(missing=["workers"])["warnings"]
    assert any(out["reason"] in warning for warning in warnings)
    cluster.start_worker()
    assert [cluster.ended(job_id).status for job_id in jobs] == ["succeeded", "succeeded"]
    row.recovered()
    ended = cluster.log.since(mark, "the device failed; exiting", process=broken.name)
    assert len(ended) == failures, "it takes no more jobs"
    broken.send(signal.SIGTERM)
    assert broken.popen.wait(PATIENCE_SECONDS) == 0
    cluster.assert_sound(jobs)


def test_the_job_of_a_worker_killed_right_after_the_claim_is_not_lost(
    cluster: Cluster, row: Row
) -> None:
    row(
        "W10",
        "SIGKILL right after the claim, before anything is written",
        "another worker starts the job from the beginning",
        "until the job starts again",
    )
    with cluster.holding("job started") as held:
        row.begin()
        held.worker.kill()
        cluster.log.wait("job started", after=held.mark, job_id=held.job_id, attempt=2)
        row.recovered()
    cluster.assert_undisturbed(held, attempts=2)


def test_a_cancelled_job_ends_and_the_other_running_job_does_not(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "A3",
        "POST /jobs/{id}/cancel three times during a job",
        "canceled within a step; the other running job is not affected",
        "until the job is canceled",
    )
    cancelled = cluster.post(**LONG)
    cluster.running_on(cancelled, after=held.mark)
    row.begin()
    for _ in range(3):
        assert cluster.http.post(f"/jobs/{cancelled}/cancel").status_code == 200
    cluster.open_gate()
    ended = cluster.ended(cancelled)
    row.recovered()
    assert ended.status == "canceled"
    assert cluster.http.get(f"/jobs/{cancelled}/result").json()["code"] == "job_canceled"
    cluster.assert_undisturbed(held, attempts=1)
    cluster.assert_sound([cancelled])
