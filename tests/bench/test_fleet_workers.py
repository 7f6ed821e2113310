"""The workers of the fleet, whose optimiser sleeps, are real in everything else."""

from __future__ import annotations

from bench.fleet.service import Parts
from bench.fleet.throughput import ended, jobs_of
from core.jobs.status import JobStatus
from core.store.jobs import JobStore


def test_sleeping_workers_take_jobs_from_the_queue_to_a_stored_result() -> None:
    with Parts() as parts:
        parts.have_workers(1)
        ids = jobs_of(parts, 2, seconds=0.2)
        ended(parts, len(ids))
        jobs = [JobStore(parts.redis).get(job_id) for job_id in ids]
        stored = {path.name for path in (parts.folder / "blobs").rglob("*") if path.is_file()}
    for job in jobs:
        assert job.status is JobStatus.SUCCEEDED
        assert job.progress is not None
        assert job.progress.step == 4
        assert job.metrics is not None
        assert job.metrics.device.startswith("stand-in:")
        assert job.result is not None
        assert job.result.sha256 in stored
