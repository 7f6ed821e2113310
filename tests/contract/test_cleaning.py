"""A sweep of any blob store removes every orphan and nothing that is needed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from redis import Redis

from core.blobs.blobs import Blobs
from core.errors import JobNotFound, ServiceUnavailable
from core.jobs.job import RETENTION, TOMBSTONE, Inputs, Job, Metrics, Picture
from core.params import StyleParams
from core.store.jobs import JobStore
from core.upkeep.cleaner import Cleaner
from core.upkeep.retention import GRACE, UNKNOWN_GRACE
from tests.conftest import some_progress, vouch
from tests.contract.stores import Backdoor

OLD = GRACE.total_seconds() + 60
PROGRESS = some_progress()


@pytest.fixture
def cleaner(redis: Redis, blobs: Blobs) -> Cleaner:
    vouch(redis)
    return Cleaner(redis, blobs)


def put(blobs: Blobs, text: str) -> Picture:
    return Picture(sha256=blobs.put(text.encode()), media_type="image/png", size_bytes=len(text))


def new_job(store: JobStore, blobs: Blobs, content: str = "content") -> Job:
    inputs = Inputs(content=put(blobs, content), styles=(put(blobs, "style"),))
    return store.create(StyleParams(size=64), inputs)


def claimed(store: JobStore, blobs: Blobs, content: str = "content") -> Job:
    job = store.claim(new_job(store, blobs, content).id)
    assert job is not None
    return job


def finished(store: JobStore, blobs: Blobs, content: str, result: str) -> Job:
    job = claimed(store, blobs, content)
    metrics = Metrics(optimize_seconds=1, device="cpu")
    store.succeed(job, put(blobs, result), PROGRESS, metrics)
    return store.get(job.id)


def make_older(redis: Redis, job: Job, by: timedelta) -> None:
    """Move the end of a job back."""
    redis.hincrbyfloat(f"easel:job:{job.id}", "finished_at", -by.total_seconds())


def make_all_old(blobs: Blobs, backdoor: Backdoor) -> None:
    for digest, _ in list(blobs.ages()):
        backdoor.backdate(digest, OLD)


def texts(blobs: Blobs) -> set[str]:
    return {blobs.get(digest).decode() for digest, _ in blobs.ages()}


def test_expired_files_are_removed_and_named_ones_stay(
    cleaner: Cleaner, store: JobStore, blobs: Blobs, backdoor: Backdoor, redis: Redis
) -> None:
    expired = finished(store, blobs, "expired", "expired result")
    make_older(redis, expired, RETENTION)
    finished(store, blobs, "fresh", "fresh result")
    new_job(store, blobs, "queued")
    put(blobs, "orphan")
    make_all_old(blobs, backdoor)
    swept = cleaner.sweep()
    assert texts(blobs) == {"fresh", "fresh result", "queued", "style"}
    assert (swept.blobs, swept.records) == (3, 0)
    assert store.get(expired.id).result == expired.result
    assert cleaner.sweep().blobs == 0


def test_a_young_upload_without_a_record_stays(
    cleaner: Cleaner, blobs: Blobs, backdoor: Backdoor
) -> None:
    put(blobs, "orphan")
    put(blobs, "sent again")
    make_all_old(blobs, backdoor)
    put(blobs, "sent again")  # the same bytes as an old orphan
    put(blobs, "new")
    cleaner.sweep()
    assert texts(blobs) == {"sent again", "new"}


def test_an_upload_between_check_and_removal_stays(
    cleaner: Cleaner, blobs: Blobs, backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(blobs, "orphan")
    put(blobs, "sent again")
    make_all_old(blobs, backdoor)
    ages = list(blobs.ages())

    def ages_after_an_upload() -> Iterator[tuple[str, float]]:
        put(blobs, "sent again")
        yield from ages

    with monkeypatch.context() as between:
        between.setattr(blobs, "ages", ages_after_an_upload)
        assert cleaner.sweep().blobs == 1
    assert texts(blobs) == {"sent again"}


def test_the_unnamed_result_of_a_running_job_stays(
    cleaner: Cleaner, store: JobStore, blobs: Blobs, backdoor: Backdoor, redis: Redis
) -> None:
    job = claimed(store, blobs)
    redis.hincrbyfloat(f"easel:job:{job.id}", "started_at", -2 * OLD)
    result = put(blobs, "result")
    make_all_old(blobs, backdoor)
    cleaner.sweep()
    assert result.sha256 in dict(blobs.ages())
    store.succeed(job, result, PROGRESS, Metrics(optimize_seconds=1, device="cpu"))
    cleaner.sweep()
    assert result.sha256 in dict(blobs.ages())


def test_an_empty_redis_does_not_empty_the_blob_store(
    cleaner: Cleaner, store: JobStore, blobs: Blobs, backdoor: Backdoor, redis: Redis
) -> None:
    finished(store, blobs, "content", "result")
    make_all_old(blobs, backdoor)
    redis.delete(*redis.keys("easel:job:*"), "easel:held", "easel:sweeps")
    swept = cleaner.sweep()
    assert (swept.blobs, swept.unknown) == (0, 3)
    finished(store, blobs, "content", "new result")  # needs two of the blobs again
    assert cleaner.sweep().unknown == 1
    for digest, _ in list(blobs.ages()):
        backdoor.backdate(digest, UNKNOWN_GRACE.total_seconds())
    swept = cleaner.sweep()
    assert (swept.blobs, swept.unknown) == (1, 0)
    assert texts(blobs) == {"content", "style", "new result"}


def test_after_a_gap_expired_blobs_are_removed_and_unexplained_ones_stay(
    cleaner: Cleaner, store: JobStore, blobs: Blobs, backdoor: Backdoor, redis: Redis
) -> None:
    expired = finished(store, blobs, "expired", "expired result")
    make_older(redis, expired, RETENTION)
    put(blobs, "written during the gap")
    make_all_old(blobs, backdoor)
    redis.hincrbyfloat("easel:sweeps", "last", -OLD)
    swept = cleaner.sweep()
    assert (swept.blobs, swept.unknown) == (3, 1)
    assert texts(blobs) == {"written during the gap"}


def test_a_record_is_removed_a_week_after_its_files(
    cleaner: Cleaner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job, other = (finished(store, blobs, text, text) for text in ("one", "two"))
    make_older(redis, job, RETENTION + TOMBSTONE - timedelta(minutes=1))
    assert cleaner.sweep().records == 0
    assert store.get(job.id).status == "succeeded"
    make_older(redis, job, timedelta(minutes=1))
    assert cleaner.sweep().records == 1
    with pytest.raises(JobNotFound):
        store.get(job.id)
    assert store.get(other.id) == other


def test_concurrent_cleaners_sweep_once_per_period(cleaner: Cleaner, redis: Redis) -> None:
    with ThreadPoolExecutor(8) as pool:
        swept = list(pool.map(lambda _: cleaner.sweep_if_due(), range(8)))
    assert len([each for each in swept if each is not None]) == 1
    redis.delete("easel:sweeping")  # as after the period
    assert cleaner.sweep_if_due() is not None


def test_keys_that_are_not_job_records_are_ignored(cleaner: Cleaner, redis: Redis) -> None:
    redis.set("easel:job:of-another-type", "text")
    redis.hset("easel:job:nonsense", "finished_at", "0")
    cleaner.sweep()
    assert redis.exists("easel:job:of-another-type", "easel:job:nonsense") == 2


def test_an_outage_of_the_store_stops_the_sweep(redis: Redis, away: Blobs) -> None:
    with pytest.raises(ServiceUnavailable, match="blob store"):
        Cleaner(redis, away).sweep()
