"""The status changes that the scripts make are exactly the legal ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis import Redis

from core.errors import EaselError
from core.jobs.events import STATUS_EVENTS
from core.jobs.job import Job
from core.jobs.status import TRANSITIONS, JobStatus
from core.store.jobs import JobStore
from core.store.keys import JOBS_RUNNING, LEASES_CHECKED, events_key, job_key
from core.store.scripts import script
from tests.core.store.test_jobs import FAILURE, METRICS, PROGRESS, RESULT, new_job

LEASE_SECONDS, EVERY_SECONDS = 300, 60


def expire_lease(redis: Redis, job: Job, *, max_attempts: int) -> None:
    if redis.zscore(JOBS_RUNNING, job.id) is not None:
        redis.zadd(JOBS_RUNNING, {job.id: 1})
    redis.set(LEASES_CHECKED, redis.time()[0] - EVERY_SECONDS)
    expire = script(redis, "jobs/expire_leases")
    assert expire(args=[LEASE_SECONDS, EVERY_SECONDS, max_attempts, FAILURE.model_dump_json()])


Operation = Callable[[Job], object]


def operations(store: JobStore, redis: Redis) -> dict[str, Operation]:
    """Return everything that can happen to a job."""
    return {
        "claim": lambda job: store.claim(job.id),
        "renew": lambda job: store.renew(job, progress=PROGRESS),
        "succeed": lambda job: store.succeed(job, RESULT, PROGRESS, METRICS),
        "fail": lambda job: store.fail(job, FAILURE),
        "confirm cancel": store.confirm_cancel,
        "hand back": store.hand_back,
        "cancel": lambda job: store.cancel(job.id),
        "requeue": lambda job: expire_lease(redis, job, max_attempts=3),
        "give up": lambda job: expire_lease(redis, job, max_attempts=1),
    }


#: How a job gets into each status, from queued.
PATHS: dict[JobStatus, list[str]] = {
    JobStatus.QUEUED: [],
    JobStatus.RUNNING: ["claim"],
    JobStatus.SUCCEEDED: ["claim", "succeed"],
    JobStatus.FAILED: ["claim", "fail"],
    JobStatus.CANCELED: ["cancel"],
}


def job_in(store: JobStore, redis: Redis, status: JobStatus, *, cancel: bool) -> Job:
    job = new_job(store)
    for name in PATHS[status]:
        operations(store, redis)[name](store.get(job.id))
    if cancel:
        redis.hset(job_key(job.id), "cancel_requested_at", "1")
    job = store.get(job.id)
    assert job.status is status
    return job


def test_the_scripts_make_every_legal_transition_and_no_other(
    redis: Redis,
) -> None:
    store = JobStore(redis, LEASE_SECONDS)
    transitions: dict[JobStatus, set[JobStatus]] = {status: set() for status in JobStatus}
    for status in JobStatus:
        for cancel in (False, True):
            for name, operation in operations(store, redis).items():
                job = job_in(store, redis, status, cancel=cancel)
                with suppress(EaselError):
                    operation(job)
                after = store.get(job.id).status
                if after is not status:
                    transitions[status].add(after)
                    entries: Any = redis.xrevrange(events_key(job.id), count=1)
                    assert entries[0][1]["event"] == STATUS_EVENTS[after], name
                store.delete(job.id)
    assert transitions == {status: set(after) for status, after in TRANSITIONS.items()}
