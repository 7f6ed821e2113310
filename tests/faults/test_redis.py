"""Redis dies, hangs, loses its data, fills up or changes its password."""

from __future__ import annotations

import shutil

import pytest
from redis import Redis

from core.blobs.blobs import open_blobs
from core.errors import JobNotFound
from core.upkeep.cleaner import Cleaner
from tests.faults.conftest import Row
from tests.service.cluster import Cluster, Running


def test_a_restart_of_redis_affects_no_job(cluster: Cluster, held: Running, row: Row) -> None:
    row(
        "R1",
        "SIGKILL of Redis during a job, and a restart from its file",
        "the worker keeps the job and its attempt; no accepted job is lost",
        "from the restart until the next checkpoint",
    )
    waiting = cluster.post()
    cluster.valkey.kill()
    mark = cluster.log.mark()
    cluster.start_valkey()
    row.begin()
    assert cluster.running_on(held.job_id, after=mark) == held.worker
    row.recovered()
    cluster.open_gate()
    cluster.ended(waiting)
    cluster.assert_undisturbed(held, attempts=1)
    cluster.assert_sound([waiting])


@pytest.mark.parametrize("how", ["restart", "flushall"])
def test_a_redis_that_lost_its_data_runs_new_jobs(
    cluster: Cluster, held: Running, row: Row, how: str
) -> None:
    row(
        "R2" if how == "restart" else "R9",
        "Redis restarts empty" if how == "restart" else "FLUSHALL",
        "its jobs are lost, with a 404; nothing hangs, and the next job succeeds",
        "until a new job has succeeded",
    )
    row.begin()
    if how == "restart":
        cluster.valkey.kill()
        for file in (cluster.folder / "valkey").iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        cluster.start_valkey()
    else:
        cluster.redis.flushall()
    cluster.open_gate()
    fresh = cluster.post()
    assert cluster.ended(fresh).status == "succeeded"
    row.recovered()
    assert cluster.http.get(f"/jobs/{held.job_id}").status_code == 404
    with pytest.raises(JobNotFound):
        cluster.store.get(held.job_id)
    cluster.log.wait(
        "job abandoned: another attempt owns it",
        after=held.mark,
        process=held.worker.name,
        job_id=held.job_id,
    )
    cluster.assert_sound([fresh])


def test_a_job_that_ends_while_redis_is_unreachable_is_not_lost(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "R3",
        "Redis is unreachable when a job ends",
        "the worker keeps the result and reports it when Redis is back",
        "from the restart until the job has succeeded",
    )
    cluster.valkey.kill()
    cluster.open_gate()
    cluster.log.wait("last step made", after=held.mark, job_id=held.job_id)
    row.begin()
    cluster.start_valkey()
    cluster.result(held.job_id)
    row.recovered()
    cluster.assert_undisturbed(held, attempts=1)


def test_a_job_that_was_never_announced_is_announced_by_a_sweep(cluster: Cluster, row: Row) -> None:
    row(
        "R4",
        "the API or Redis dies after the record is written, before the message is sent",
        "the next sweep announces the job",
        "until the job has succeeded",
    )
    example = cluster.ended(cluster.post())
    mark = cluster.log.mark()
    row.begin()
    job_id = cluster.store.create(example.params, example.inputs).id
    cluster.log.wait("job announced again: a message is missing", after=mark, job_id=job_id)
    assert cluster.ended(job_id).status == "succeeded"
    row.recovered()
    cluster.assert_sound([job_id])


def test_a_redis_that_hangs_for_longer_than_a_lease_costs_no_attempt(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "R5",
        "Redis does not reply for 6 s, twice the lease",
        "steps continue; no worker is considered lost",
        "from the fault until the job has succeeded",
    )
    row.begin()
    cluster.redis.client_pause(6000)
    mark = cluster.log.mark()
    cluster.open_gate()
    cluster.log.wait("picture finished", after=mark, job_id=held.job_id)
    cluster.wait_for_redis()  # it replies after the pause
    assert cluster.ended(held.job_id).attempts == 1
    row.recovered()
    cluster.log.wait("job ended", after=mark, process=held.worker.name, job_id=held.job_id)
    cluster.assert_undisturbed(held, attempts=1)


def test_a_full_redis_refuses_new_jobs_and_loses_none(cluster: Cluster, row: Row) -> None:
    row(
        "R8",
        "Redis is full (`noeviction`) during a job",
        "new jobs get a 503; downloads and links work, and expired files are removed; "
        "the running job ends when memory is free again",
        "from memory being free until the job has succeeded",
    )
    done = cluster.post()
    cluster.result(done)
    links = cluster.http.get(f"/jobs/{done}/links").json()
    cleaner = Cleaner(cluster.redis, open_blobs(cluster.blobs_url))
    with cluster.holding() as held:
        cluster.redis.config_set("maxmemory", 1)
        try:
            empty = {"content": b"", "style": b""}
            refused = cluster.http.post("/jobs", files=empty, data={"size": 64})
            assert refused.status_code == 422  # invalid requests are still reported as such
            assert cluster.try_to_post().status_code == 503
            cluster.result(done)
            assert cluster.http.get(links["result"]).status_code == 200
            cleaner.sweep()
            assert cluster.http.get("/readyz").json()["missing"] == []
            cluster.open_gate()
            cluster.log.wait("picture finished", after=held.mark, job_id=held.job_id)
        finally:
            cluster.redis.config_set("maxmemory", 0)
        row.begin()
        cluster.result(held.job_id)
        row.recovered()
        cluster.assert_undisturbed(held, attempts=1)


def test_flushed_scripts_are_loaded_again(cluster: Cluster, held: Running, row: Row) -> None:
    row(
        "R10",
        "SCRIPT FLUSH during a job",
        "no effect",
        "until the next checkpoint",
    )
    row.begin()
    cluster.redis.script_flush()
    mark = cluster.log.mark()
    cluster.running_on(held.job_id, after=mark)
    row.recovered()
    cluster.assert_undisturbed(held, attempts=1)


def test_a_temporary_change_of_the_password_loses_no_job(
    cluster: Cluster, held: Running, row: Row
) -> None:
    row(
        "R11",
        "Redis refuses the password during a job, and accepts it again later",
        "503 meanwhile; then everything continues by itself",
        "from the password being accepted again until the job has succeeded",
    )
    admin = Redis.from_url(cluster.redis_url, decode_responses=True)
    admin.config_set("requirepass", "another")
    admin.execute_command("CLIENT KILL TYPE normal SKIPME yes")
    admin.execute_command("CLIENT KILL TYPE pubsub SKIPME yes")
    try:
        assert cluster.try_to_post().status_code == 503
        cluster.open_gate()
        cluster.log.wait("last step made", after=held.mark, job_id=held.job_id)
    finally:
        admin.config_set("requirepass", "")
        admin.close()
    row.begin()
    cluster.result(held.job_id)
    row.recovered()
    cluster.assert_undisturbed(held, attempts=1)
