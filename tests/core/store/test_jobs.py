"""Job records in a real Valkey."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from core.errors import (
    JobNotFound,
    QueueFull,
    ServiceUnavailable,
    StaleAttempt,
    StorageQuotaExceeded,
    TooManyJobs,
)
from core.jobs.admission import Admission
from core.jobs.job import Failure, Inputs, Job, Loss, Metrics, Picture, Progress, new_job_id
from core.jobs.status import JobStatus
from core.params import StyleParams
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.store.keys import job_key
from core.store.previews import Previews

CONTENT = Picture(sha256="c" * 64, media_type="image/png", size_bytes=3)
STYLE = Picture(sha256="d" * 64, media_type="image/jpeg", size_bytes=4)
INPUTS = Inputs(content=CONTENT, styles=(STYLE,))
RESULT = Picture(sha256="e" * 64, media_type="image/png", size_bytes=5)
PROGRESS = Progress(
    step=3,
    steps=10,
    fraction=0.3,
    scale=0,
    scales=1,
    width=64,
    height=48,
    loss=Loss(total=3, content=1, style=2, tv=0),
    eta_seconds=7,
)
METRICS = Metrics(optimize_seconds=1.5, device="cpu")
FAILURE = Failure(code="internal_error", message="it broke", retryable=True)


def new_job(store: JobStore) -> Job:
    return store.create(StyleParams(size=64), INPUTS)


def claimed(store: JobStore) -> Job:
    job = store.claim(new_job(store).id)
    assert job is not None
    return job


def test_a_new_job_is_queued_and_reads_back_unchanged(store: JobStore) -> None:
    job = new_job(store)
    assert (job.status, job.attempt, job.inputs) == ("queued", 0, INPUTS)
    assert job.params == StyleParams(size=64)
    assert abs(datetime.now(UTC) - job.created_at) < timedelta(minutes=1)
    assert store.get(job.id) == job


def test_a_record_from_before_the_strength_keeps_its_style_weight(
    store: JobStore, redis: Redis
) -> None:
    job = new_job(store)
    older = {**job.params.model_dump(mode="json"), "style_weight": 20.0}
    del older["strength"]
    redis.hset(job_key(job.id), "params", json.dumps(older))
    assert store.get(job.id).params.style_weight == 20


def position(store: JobStore, job: Job) -> int | None:
    """The job's position in the queue, or None."""
    jobs = store.listing.page(job.owner).jobs
    return {record["id"]: place for record, place in jobs}.get(job.id)


def test_an_unknown_or_malformed_id_is_not_found(store: JobStore) -> None:
    for job_id in (new_job_id(), "nonsense", "*", ""):
        with pytest.raises(JobNotFound):
            store.get(job_id)


def test_queued_jobs_have_positions_in_order_of_creation(store: JobStore) -> None:
    jobs = [new_job(store) for _ in range(3)]
    assert [position(store, job) for job in jobs] == [0, 1, 2]
    store.claim(jobs[0].id)
    assert [position(store, job) for job in jobs] == [None, 0, 1]


def test_a_claim_starts_the_first_attempt(store: JobStore) -> None:
    job = claimed(store)
    assert (job.status, job.attempt) == ("running", 1)
    assert job.started_at is not None
    assert job.started_at >= job.created_at


def test_concurrent_claims_of_a_job_succeed_once(store: JobStore) -> None:
    job = new_job(store)
    with ThreadPoolExecutor(16) as pool:
        claims = list(pool.map(store.claim, [job.id] * 16))
    assert len([claim for claim in claims if claim is not None]) == 1


def test_a_missing_job_cannot_be_claimed(store: JobStore) -> None:
    assert store.claim(new_job_id()) is None


def test_a_renewal_stores_progress_and_checkpoint(store: JobStore) -> None:
    job = claimed(store)
    assert store.renew(job, progress=PROGRESS, checkpoint="f" * 64)
    stored = store.get(job.id)
    assert (stored.progress, stored.checkpoint) == (PROGRESS, "f" * 64)


def test_a_job_succeeds_with_its_result(store: JobStore, redis: Redis) -> None:
    job = claimed(store)
    store.succeed(job, RESULT, PROGRESS, METRICS)
    ended = store.get(job.id)
    assert (ended.status, ended.result, ended.metrics) == ("succeeded", RESULT, METRICS)
    assert ended.finished_at is not None
    assert redis.zcard("easel:jobs:running") == 0


def test_a_job_fails_with_its_error(store: JobStore) -> None:
    job = claimed(store)
    store.fail(job, FAILURE)
    ended = store.get(job.id)
    assert (ended.status, ended.error, ended.result) == ("failed", FAILURE, None)


def test_a_final_status_never_changes(store: JobStore) -> None:
    job = claimed(store)
    store.fail(job, FAILURE)
    before = store.get(job.id)
    with pytest.raises(StaleAttempt):
        store.succeed(job, RESULT, PROGRESS, METRICS)
    with pytest.raises(StaleAttempt):
        store.renew(job, progress=PROGRESS)
    assert store.claim(job.id) is None
    assert store.get(job.id) == before


def test_ending_a_job_twice_has_the_same_result(store: JobStore) -> None:
    # The reply to the first call may be lost, and the client then retries it.
    job = claimed(store)
    store.succeed(job, RESULT, PROGRESS, METRICS)
    before = store.get(job.id)
    store.succeed(job, RESULT, PROGRESS, METRICS)
    assert store.get(job.id) == before


def test_writes_of_an_old_attempt_are_refused(store: JobStore, redis: Redis) -> None:
    job = claimed(store)
    redis.hset(f"easel:job:{job.id}", "attempt", "2")  # as a later claim would
    for write in (
        lambda: store.renew(job, progress=PROGRESS),
        lambda: store.succeed(job, RESULT, PROGRESS, METRICS),
        lambda: store.fail(job, FAILURE),
        lambda: store.confirm_cancel(job),
        lambda: store.hand_back(job),
    ):
        with pytest.raises(StaleAttempt, match="attempt 1"):
            write()
    assert store.get(job.id).status is JobStatus.RUNNING


def test_a_retried_claim_returns_the_same_attempt(store: JobStore, redis: Redis) -> None:
    # The client retries a call when the connection breaks before the reply.
    job = new_job(store)
    answers = [store._claim(args=[8, token, "", "", "", ""]) for token in ("one", "one", "another")]
    assert answers[0] == answers[1]
    assert answers[2] is None
    assert store.get(job.id).attempt == 1


def test_of_two_attempts_with_the_same_number_the_last_claim_owns_the_job(
    store: JobStore, redis: Redis
) -> None:
    # Redis goes back to a backup from before the claim.
    job = new_job(store)
    backup = [str(name) for name in redis.scan_iter()]
    for name in backup:
        redis.copy(name, f"backup:{name}")
    first = store.claim(job.id)
    for name in backup:
        redis.copy(f"backup:{name}", name, replace=True)
    second = store.claim(job.id)
    assert first is not None
    assert second is not None
    assert first.attempt == second.attempt == 1
    for write in (
        lambda: store.renew(first, progress=PROGRESS),
        lambda: store.succeed(first, RESULT, PROGRESS, METRICS),
        lambda: store.hand_back(first),
        lambda: Previews(redis).put(first, 1, b"jpeg"),
    ):
        with pytest.raises(StaleAttempt):
            write()
    assert store.succeed(second, RESULT, PROGRESS, METRICS) is JobStatus.SUCCEEDED


def test_the_lease_expires_by_the_servers_clock(store: JobStore, redis: Redis) -> None:
    seconds, _ = redis.time()
    job = claimed(JobStore(redis, lease_seconds=100))
    assert seconds + 99 < float(redis.zscore("easel:jobs:running", job.id) or 0) < seconds + 160
    JobStore(redis, lease_seconds=1000).renew(job)
    assert float(redis.zscore("easel:jobs:running", job.id) or 0) > seconds + 999


def test_a_job_handed_back_keeps_its_position_and_its_attempts(
    store: JobStore,
) -> None:
    job, later = claimed(store), new_job(store)
    assert store.hand_back(job, checkpoint="f" * 64) is JobStatus.QUEUED
    assert position(store, job) == 0
    assert position(store, later) == 1
    again = store.claim(job.id)
    assert again is not None
    assert (again.attempts, again.checkpoint) == (1, "f" * 64)
    with pytest.raises(StaleAttempt):
        store.renew(job)  # later writes of the first attempt are refused
    assert again.started_at == job.started_at == job.claimed_at
    assert again.claimed_at is not None
    assert job.claimed_at is not None
    assert again.claimed_at > job.claimed_at


def test_a_job_with_a_requested_cancellation_ends_as_canceled(store: JobStore) -> None:
    ends = [
        lambda job: store.succeed(job, RESULT, PROGRESS, METRICS),
        lambda job: store.fail(job, FAILURE),
        store.confirm_cancel,
        store.hand_back,
    ]
    for end in ends:
        job = claimed(store)
        assert store.cancel(job.id).status is JobStatus.RUNNING
        assert end(job) is JobStatus.CANCELED
        ended = store.get(job.id)
        assert (ended.status, ended.result, ended.error) == ("canceled", None, None)
        assert ended.finished_at is not None


def test_a_result_in_a_renewal_does_not_outlive_a_failure(store: JobStore) -> None:
    job = claimed(store)
    store.renew(job, result=RESULT, progress=PROGRESS, metrics=METRICS)
    assert store.get(job.id).status is JobStatus.RUNNING
    store.fail(job, FAILURE)
    assert store.get(job.id).result is None


def test_a_queued_job_can_be_discarded_and_a_running_one_cannot(store: JobStore) -> None:
    queued, running = new_job(store), claimed(store)
    store.discard(queued)
    store.discard(running)
    with pytest.raises(JobNotFound):
        store.get(queued.id)
    assert position(store, queued) is None
    assert store.get(running.id).status is JobStatus.RUNNING


def test_scripts_work_after_the_server_dropped_them(store: JobStore, redis: Redis) -> None:
    redis.script_flush()
    assert claimed(store).status is JobStatus.RUNNING


def test_an_outage_raises_service_unavailable() -> None:
    away = JobStore(connect("redis://127.0.0.1:1/0", patience=0))
    with pytest.raises(ServiceUnavailable):
        away.get(new_job_id())


LIMITS = Admission(caller="somebody", max_queue=4, max_jobs_per_caller=3)


def refusal(store: JobStore, admission: Admission) -> type[Exception] | None:
    try:
        store.create(StyleParams(size=64), INPUTS, admission)
    except (QueueFull, TooManyJobs, StorageQuotaExceeded) as error:
        return type(error)
    return None


def test_concurrent_creations_never_exceed_a_limit(store: JobStore, redis: Redis) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: refusal(store, LIMITS), range(16)))
    assert (answers.count(None), answers.count(TooManyJobs)) == (3, 13)
    other = replace(LIMITS, caller="other")
    assert [refusal(store, other) for _ in range(3)] == [None, QueueFull, QueueFull]
    assert len(list(redis.scan_iter("easel:job:*"))) == 4


def test_a_retried_creation_is_one_job_even_at_the_limit(store: JobStore, redis: Redis) -> None:
    # The reply to the first call may be lost, and the client then retries it.
    single = replace(LIMITS, max_queue=1)
    job_id = new_job_id()
    job = store.create(StyleParams(size=64), INPUTS, single, job_id=job_id)
    assert store.create(StyleParams(size=64), INPUTS, single, job_id=job_id) == job
    store.claim(job_id)
    again = store.create(StyleParams(size=64), INPUTS, single, job_id=job_id)
    assert again.status == "running"
    assert redis.zcard("easel:jobs:queued") == 0


def test_running_jobs_count_for_the_caller_and_ended_jobs_do_not(store: JobStore) -> None:
    jobs = [store.create(StyleParams(size=64), INPUTS, LIMITS) for _ in range(3)]
    assert jobs[0].caller == "somebody"
    for job in jobs:
        store.claim(job.id)
        assert (store.load("somebody").unfinished, store.load("other").unfinished) == (3, 0)
    assert refusal(store, LIMITS) is TooManyJobs
    store.fail(store.get(jobs[0].id), FAILURE)
    assert refusal(store, LIMITS) is None


def test_the_run_time_is_a_moving_average_of_succeeded_jobs(store: JobStore, redis: Redis) -> None:
    def run(seconds: float) -> None:
        job = claimed(store)
        redis.hincrbyfloat(f"easel:job:{job.id}", "started_at", -seconds)
        store.succeed(job, RESULT, PROGRESS, METRICS)

    assert store.load("somebody").run_seconds is None
    run(100)
    assert store.load("somebody").run_seconds == pytest.approx(100, abs=5)
    run(200)
    assert store.load("somebody").run_seconds == pytest.approx(110, abs=5)
    job = claimed(store)
    redis.hincrbyfloat(f"easel:job:{job.id}", "started_at", -9999)
    store.fail(job, FAILURE)
    assert store.load("somebody").run_seconds == pytest.approx(110, abs=5)


#: Room for the pictures of two jobs, which have 7 bytes each.
QUOTA = Admission("somebody", 99, 99, max_stored_bytes_per_caller=14)


def stored_bytes(store: JobStore) -> int:
    return store.load("somebody").stored_bytes


def test_concurrent_creations_never_exceed_the_storage_quota(store: JobStore) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: refusal(store, QUOTA), range(16)))
    assert (answers.count(None), answers.count(StorageQuotaExceeded)) == (2, 14)
    assert stored_bytes(store) == 14
    assert refusal(store, replace(QUOTA, caller="other")) is None


def test_a_quota_counts_the_files_that_a_job_has_at_the_moment(
    store: JobStore, redis: Redis
) -> None:
    job_id = store.create(StyleParams(size=64), INPUTS, QUOTA).id
    store.claim(job_id)
    job = store.get(job_id)
    store.renew(job, checkpoint="f" * 64, checkpoint_bytes="1000")
    assert stored_bytes(store) == 1007
    assert refusal(store, QUOTA) is StorageQuotaExceeded
    store.hand_back(job, checkpoint="1" * 64, checkpoint_bytes="200")
    assert stored_bytes(store) == 207
    store.claim(job_id)
    store.succeed(store.get(job_id), RESULT, PROGRESS, METRICS, RESULT)
    assert stored_bytes(store) == 7 + 5 + 5
    store.delete(job_id)
    assert stored_bytes(store) == 0
    assert not redis.exists("easel:stored", "easel:stored:callers")


@pytest.mark.parametrize("end", ["cancel", "fail"])
def test_a_job_without_a_result_keeps_only_its_uploads(store: JobStore, end: str) -> None:
    job_id = store.create(StyleParams(size=64), INPUTS, QUOTA).id
    store.claim(job_id)
    job = store.get(job_id)
    store.renew(job, checkpoint="f" * 64, checkpoint_bytes="1000")
    if end == "fail":
        store.fail(job, FAILURE)
    else:
        store.cancel(job_id)
        store.confirm_cancel(job)
    assert stored_bytes(store) == 7
