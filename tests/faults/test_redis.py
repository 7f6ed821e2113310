"""Redis dies, hangs, forgets, fills up, or changes its password."""

from __future__ import annotations

import os
import select
import shutil

import pytest
from redis import Redis

from core.connections import connect
from core.errors import JobNotFound
from tests.faults.cluster import PATIENCE_SECONDS, Cluster
from tests.faults.conftest import LONG, Row


def test_a_restart_of_redis_disturbs_no_job(cluster: Cluster, undisturbed: bytes, row: Row) -> None:
    row(
        "R1",
        "SIGKILL of Redis in mid-job, and a restart from its file",
        "the worker keeps the job and its attempt; what was accepted is still there",
        "from the restart until the job is saved again",
    )
    mark = cluster.log.mark()
    job_id, waiting = cluster.post(**LONG), cluster.post()
    worker = cluster.running_on(job_id, after=mark)
    cluster.valkey.kill()
    mark = cluster.log.mark()
    cluster.start_valkey()
    row.strike()
    assert cluster.running_on(job_id, after=mark) == worker
    row.recovered()
    assert cluster.result(job_id) == undisturbed
    assert cluster.view(job_id)["metrics"]["attempts"] == 1
    cluster.assert_sound([job_id, waiting])


@pytest.mark.parametrize("how", ["restart", "flushall"])
def test_a_redis_that_forgets_everything_is_no_harm_to_later_jobs(
    cluster: Cluster, row: Row, how: str
) -> None:
    row(
        "R2" if how == "restart" else "R9",
        "Redis comes back empty" if how == "restart" else "FLUSHALL",
        "its jobs are gone, and say so with a 404; nobody hangs, and the next job is done",
        "until a new job has succeeded",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    worker = cluster.running_on(job_id, after=mark)
    row.strike()
    if how == "restart":
        cluster.valkey.kill()
        for file in (cluster.folder / "valkey").iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        cluster.start_valkey()
    else:
        cluster.redis.flushall()
    fresh = cluster.post()
    assert cluster.ended(fresh).status == "succeeded"
    row.recovered()
    assert cluster.http.get(f"/jobs/{job_id}").status_code == 404
    with pytest.raises(JobNotFound):
        cluster.store.get(job_id)
    cluster.log.wait(
        "job given up: another attempt has it", after=mark, process=worker.name, job_id=job_id
    )
    cluster.assert_sound([fresh])


def test_a_job_that_ends_while_redis_is_away_is_not_lost(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "R3",
        "Redis is away when a job ends",
        "the worker keeps the result and tells it when Redis is back",
        "from the restart until the job has succeeded",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    cluster.running_on(job_id, after=mark)
    cluster.valkey.kill()
    cluster.log.wait("picture finished", after=mark, job_id=job_id)
    row.strike()
    cluster.start_valkey()
    assert cluster.result(job_id) == undisturbed
    row.recovered()
    assert cluster.view(job_id)["metrics"]["attempts"] == 1
    cluster.assert_sound([job_id])


def test_a_job_that_was_written_but_not_announced_is_done(cluster: Cluster, row: Row) -> None:
    row(
        "R4",
        "the api dies, or Redis goes, after the record and before the message",
        "the job is announced by whoever sweeps next",
        "until the job has succeeded",
    )
    like = cluster.ended(cluster.post())
    mark = cluster.log.mark()
    row.strike()
    job_id = cluster.store.create(like.params, like.inputs).id
    cluster.log.wait("queued job had no message", after=mark, job_id=job_id)
    assert cluster.ended(job_id).status == "succeeded"
    row.recovered()
    cluster.assert_sound([job_id])


def test_a_redis_that_hangs_for_longer_than_a_lease_disturbs_no_job(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "R5",
        "Redis answers nobody for 6 s, twice the lease",
        "steps go on meanwhile; no worker is taken for dead",
        "from the fault until the job is saved again",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    worker = cluster.running_on(job_id, after=mark)
    row.strike()
    cluster.redis.client_pause(6000)
    mark = cluster.log.mark()
    patient = connect(cluster.redis_url, patience=10)
    patient.ping()  # answered when the pause is over
    patient.close()
    assert cluster.ended(job_id).attempts == 1
    row.recovered()
    cluster.log.wait("job ended", after=mark, process=worker.name, job_id=job_id)
    assert cluster.result(job_id) == undisturbed
    cluster.assert_sound([job_id])


def test_a_full_redis_refuses_new_jobs_and_loses_none(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "R8",
        "Redis is full (`noeviction`) in mid-job",
        "new jobs get a 503; the running one ends when there is room again",
        "from there being room until the job has succeeded",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    cluster.running_on(job_id, after=mark)
    cluster.redis.config_set("maxmemory", 1)
    try:
        refused = cluster.http.post(
            "/jobs", files={"content": b"", "style": b""}, data={"size": 64}
        )
        assert refused.status_code == 422  # what is wrong anyway is still told
        assert cluster.try_to_post().status_code == 503
        cluster.log.wait("picture finished", after=mark, job_id=job_id)
    finally:
        cluster.redis.config_set("maxmemory", 0)
    row.strike()
    assert cluster.result(job_id) == undisturbed
    row.recovered()
    assert cluster.view(job_id)["metrics"]["attempts"] == 1
    cluster.assert_sound([job_id])


def test_forgotten_scripts_are_sent_again(cluster: Cluster, undisturbed: bytes, row: Row) -> None:
    row(
        "R10",
        "SCRIPT FLUSH in mid-job",
        "nobody notices",
        "until the job is saved again",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    cluster.running_on(job_id, after=mark)
    row.strike()
    mark = cluster.log.mark()
    cluster.redis.script_flush()
    cluster.running_on(job_id, after=mark)
    row.recovered()
    assert cluster.result(job_id) == undisturbed
    assert cluster.view(job_id)["metrics"]["attempts"] == 1
    cluster.assert_sound([job_id])


def test_a_password_that_is_changed_and_changed_back_loses_no_job(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "R11",
        "Redis refuses the password in mid-job, and takes it again later",
        "503 meanwhile; then everything goes on by itself",
        "from the password being taken again until the job has succeeded",
    )
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    cluster.running_on(job_id, after=mark)
    admin = Redis.from_url(cluster.redis_url, decode_responses=True)
    admin.config_set("requirepass", "another")
    admin.execute_command("CLIENT KILL TYPE normal SKIPME yes")
    admin.execute_command("CLIENT KILL TYPE pubsub SKIPME yes")
    try:
        assert cluster.try_to_post().status_code == 503
        cluster.log.wait("picture finished", after=mark, job_id=job_id)
    finally:
        admin.config_set("requirepass", "")
        admin.close()
    row.strike()
    assert cluster.result(job_id) == undisturbed
    row.recovered()
    cluster.assert_sound([job_id])


def test_the_worker_gives_up_its_job_when_its_patience_with_redis_ends(
    cluster: Cluster, undisturbed: bytes, row: Row
) -> None:
    row(
        "R3b",
        "Redis is away for longer than EASEL_PATIENCE_SECONDS",
        "the process ends with the job's lease, and the job goes on elsewhere",
        "from the restart of Redis until the job has succeeded",
    )
    cluster.only(EASEL_PATIENCE_SECONDS="1")
    mark = cluster.log.mark()
    job_id = cluster.post(**LONG)
    worker = cluster.running_on(job_id, after=mark)
    end = os.pidfd_open(worker.child().pid)
    cluster.valkey.kill()
    assert select.select([end], [], [], PATIENCE_SECONDS)[0] == [end]
    os.close(end)
    row.strike()
    cluster.start_valkey()
    assert cluster.result(job_id) == undisturbed
    row.recovered()
    cluster.assert_sound([job_id])
