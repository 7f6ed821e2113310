"""A backup of Redis and of the picture folder, taken while jobs run, is restored."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from cli.valkey import free_port
from core.blobs.blobs import Blobs, open_blobs
from core.errors import BlobNotFound, JobNotFound
from core.jobs.job import Inputs, Job, Metrics, Picture
from core.params import StyleParams
from core.queue.app import JobQueue, Messages, make_celery
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.upkeep.cleaner import Cleaner
from core.upkeep.reaper import Reaper
from core.upkeep.retention import GRACE, UNKNOWN_GRACE
from tests.conftest import some_progress, vouch
from tests.faults.conftest import Row
from tests.service import servers

LEASE_SECONDS = 300


@contextmanager
def valkey(folder: Path) -> Iterator[tuple[Redis, str]]:
    """Run a server on the files in the folder."""
    port = free_port()
    with subprocess.Popen(servers.valkey(folder, port)) as process:
        url = f"redis://127.0.0.1:{port}/0"
        patient = connect(url, patience=servers.PATIENCE_SECONDS * 2)
        patient.ping()
        yield patient, url
        patient.close()
        process.kill()


def put(blobs: Blobs, text: str) -> Picture:
    return Picture(sha256=blobs.put(text.encode()), media_type="image/png", size_bytes=len(text))


def new_job(store: JobStore, blobs: Blobs, content: str) -> Job:
    return store.create(StyleParams(), Inputs(content=put(blobs, content), styles=()))


def claimed(store: JobStore, blobs: Blobs, content: str) -> Job:
    job = store.claim(new_job(store, blobs, content).id)
    assert job is not None
    return job


def finished(store: JobStore, blobs: Blobs, content: str) -> Job:
    job = claimed(store, blobs, content)
    metrics = Metrics(optimize_seconds=1, device="cpu")
    store.succeed(job, put(blobs, f"{content} result"), some_progress(), metrics)
    return store.get(job.id)


def new_reaper(redis: Redis, url: str) -> Reaper:
    queue = JobQueue(make_celery(url))
    return Reaper(redis, queue, lease_seconds=LEASE_SECONDS, every_seconds=0, max_attempts=3)


def make_older(folder: Path, seconds: float) -> None:
    for path in folder.rglob("*"):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


@pytest.mark.parametrize("hours", [0, 2])
def test_a_backup_loses_no_job_and_leaves_no_file_for_ever(
    tmp_path: Path, row: Row, hours: int
) -> None:
    row(
        "S9b" if hours else "S9",
        "Redis and the picture folder are lost, and restored from a backup"
        + (" that is two hours old" if hours else ""),
        "each job of the backup has its pictures, or runs again; files without a job are removed "
        + ("within a week" if hours else "after their grace period"),
    )
    original, backup = tmp_path / "original", tmp_path / "backup"
    for folder in (original, backup):
        folder.mkdir()
    with valkey(original) as (redis, _):
        vouch(redis)
        store, blobs = JobStore(redis, LEASE_SECONDS), open_blobs((original / "blobs").as_uri())
        done = finished(store, blobs, "done")
        running = claimed(store, blobs, "running")
        store.renew(running, checkpoint=put(blobs, "checkpoint").sha256)
        queued = new_job(store, blobs, "queued")
        # The backup: first Redis, then the pictures, while jobs are created.
        redis.config_set("auto-aof-rewrite-percentage", 0)
        shutil.copytree(original / "valkey", backup / "valkey")
        between = finished(store, blobs, "between")
        shutil.copytree(original / "blobs", backup / "blobs")
        after = finished(store, blobs, "after")
    shutil.rmtree(original)

    with valkey(backup) as (redis, url):
        store, blobs = JobStore(redis, LEASE_SECONDS), open_blobs((backup / "blobs").as_uri())
        redis.hincrbyfloat("easel:sweeps", "last", -3600 * hours)
        assert store.get(done.id) == done
        assert done.result is not None
        assert blobs.get(done.result.sha256) == b"done result"
        for lost in (between, after):
            with pytest.raises(JobNotFound):
                store.get(lost.id)
        reaper = new_reaper(redis, url)
        reaper.sweep()  # renews the leases, because nothing could renew them in the meantime
        redis.zincrby("easel:jobs:running", -LEASE_SECONDS - 1, running.id)
        redis.zincrby("easel:jobs:queued", -60, queued.id)
        reaper.sweep()
        assert Messages(redis).job_ids() == {running.id, queued.id}
        resumed = store.claim(running.id)
        assert resumed is not None
        assert resumed.checkpoint is not None
        assert blobs.get(resumed.checkpoint) == b"checkpoint"
        needed = {"done", "done result", "running", "checkpoint", "queued"}
        grace = UNKNOWN_GRACE if hours else GRACE
        make_older(backup / "blobs", GRACE.total_seconds() + 3600 * hours)
        cleaner = Cleaner(redis, blobs)
        redis.hset(f"easel:job:{running.id}", "started_at", time.time())
        swept = cleaner.sweep()
        assert (swept.blobs, swept.unknown) == ((0, 2) if hours else (2, 0))
        make_older(backup / "blobs", grace.total_seconds())
        cleaner.sweep()
        assert {blobs.get(digest).decode() for digest, _ in blobs.ages()} == needed
        assert after.result is not None
        with pytest.raises(BlobNotFound):
            blobs.get(after.result.sha256)
