"""Messages that are lost, repeated, invalid or outdated."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from core.jobs.job import new_job_id
from core.queue.app import JOB_QUEUES, STYLIZE_TASK, make_celery
from core.store.keys import JOBS_RUNNING, LEASES_CHECKED
from tests.faults.conftest import Row
from tests.service.cluster import LONG, Cluster, Running


def test_a_job_announced_five_times_runs_once(cluster: Cluster, row: Row) -> None:
    row("D1", "the same message five more times", "the job runs once")
    mark = cluster.log.mark()
    job_id = cluster.post()
    for _ in range(5):
        cluster.queue.announce(job_id)
    ended = cluster.ended(job_id)
    cluster.assert_sound([job_id])
    assert len(cluster.log.since(mark, "job started", job_id=job_id)) == 1
    assert ended.attempts == 1


def test_a_message_delivered_again_while_the_job_runs_is_dropped(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row("D2", "the message is delivered again while the job runs", "it is dropped")
    cluster.queue.announce(held.job_id)
    dropped = cluster.log.wait("no job to start", after=held.mark, woken_for=held.job_id)
    assert dropped["process"] != held.worker.name
    cluster.assert_undisturbed(held, attempts=1)


def test_jobs_whose_messages_are_lost_are_announced_again(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "D3",
        "the queue's list is deleted, with the messages of waiting jobs",
        "the jobs are announced again",
        "until all of them have succeeded",
    )
    other = cluster.post(**LONG)
    cluster.running_on(other, after=held.mark)
    waiting = [cluster.post() for _ in range(5)]
    row.begin()
    assert cluster.redis.delete(*JOB_QUEUES) >= 1
    cluster.open_gate()
    for job_id in waiting:
        assert cluster.ended(job_id).status == "succeeded"
    row.recovered()
    assert cluster.log.since(held.mark, "job announced again: a message is missing")
    cluster.assert_sound([held.job_id, other, *waiting])


def test_a_message_of_an_unknown_job_is_dropped(cluster: Cluster, row: Row) -> None:
    row("D4", "a message with an unknown job id", "it is dropped")
    for job_id in (new_job_id(), "nonsense"):
        mark = cluster.log.mark()
        cluster.queue.announce(job_id)
        cluster.log.wait("no job to start", after=mark, woken_for=job_id)
    cluster.assert_sound([])


def test_invalid_messages_are_dropped(cluster: Cluster, row: Row) -> None:
    row("D5", "invalid messages and invalid JSON in the queue's list", "it is dropped")
    mark = cluster.log.mark()
    invalid: list[str | bytes] = [
        "{}",
        "[]",
        "7",
        "null",
        "not JSON",
        b"\xff\xfe",
        '{"properties": {}}',
    ]
    for each in invalid:
        cluster.redis.rpush(JOB_QUEUES[0], each)
    fresh = cluster.post()
    assert cluster.ended(fresh).status == "succeeded"
    for name in JOB_QUEUES:
        cluster.wait_until_empty(name)
    dropped = cluster.log.since(mark, "unreadable message dropped from the queue")
    assert len(dropped) == len(invalid)
    assert all(worker.alive for worker in cluster.workers)
    cluster.assert_sound([fresh])


def test_a_pickled_message_is_refused_and_never_unpickled(
    cluster: Cluster, row: Row, tmp_path: Path
) -> None:
    row(
        "D8",
        "a message whose body is a pickle that writes a file",
        "it is refused without being unpickled",
    )
    trap_file, refused = tmp_path / "trap", new_job_id()
    make_celery(cluster.redis_url).send_task(
        STYLIZE_TASK, args=[Trap(str(trap_file))], serializer="pickle", task_id=refused
    )
    fresh = cluster.post()
    assert cluster.ended(fresh).status == "succeeded"
    for name in JOB_QUEUES:
        cluster.wait_until_empty(name)
    cluster.wait_for_key(
        "unacked", lambda: not any(refused in each for each in cluster.redis.hvals("unacked"))
    )
    assert all(worker.alive for worker in cluster.workers)
    assert not trap_file.exists()
    cluster.assert_sound([fresh])


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self._path, "w")


def test_a_message_of_a_job_that_has_ended_is_dropped(cluster: Cluster, row: Row) -> None:
    row("D6", "a message of a job that has ended", "it is dropped")
    succeeded, canceled = cluster.post(), cluster.post()
    cluster.http.post(f"/jobs/{canceled}/cancel")
    for job_id in (succeeded, canceled):
        before = cluster.ended(job_id)
        mark = cluster.log.mark()
        cluster.queue.announce(job_id)
        cluster.log.wait("no job to start", after=mark, woken_for=job_id)
        assert cluster.ended(job_id) == before
    cluster.assert_sound([succeeded, canceled])


def test_a_message_of_another_version_is_discarded_and_the_job_announced_again(
    cluster: Cluster, row: Row
) -> None:
    row(
        "D7",
        "a message with the arguments of another version",
        "it is discarded; the job is announced again and succeeds",
        "until the job has succeeded",
    )
    example = cluster.ended(cluster.post())
    row.begin()
    job_id = cluster.store.create(example.params, example.inputs).id
    make_celery(cluster.redis_url).send_task(
        STYLIZE_TASK, args=[job_id, "old"], kwargs={"older": True}, task_id=job_id
    )
    assert cluster.ended(job_id).status == "succeeded"
    row.recovered()
    cluster.assert_sound([job_id])


@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_jump_of_the_clock_affects_no_lease(
    cluster: Cluster, held: Running, row: Row, jump: float
) -> None:
    row(
        "C1",
        f"Redis's clock jumps by {jump / 3600:+.0f} h during a job",
        "no lease expires early or late: all leases start again",
    )
    # After a jump forward, every stored time is that much older.
    with cluster.redis.pipeline(transaction=True) as transaction:
        transaction.zincrby(JOBS_RUNNING, -jump, held.job_id)
        transaction.incrbyfloat(LEASES_CHECKED, -jump)
        shifted = float(transaction.execute()[1])

    def swept_again() -> bool:
        checked = cast(str, cluster.redis.get(LEASES_CHECKED))
        return abs(float(checked) - shifted) > abs(jump) / 2

    cluster.wait_for_key(LEASES_CHECKED, swept_again)
    assert not cluster.log.since(held.mark, "attempt ended: its lease expired")
    cluster.assert_undisturbed(held, attempts=1)
