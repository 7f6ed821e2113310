"""A full Redis refuses new jobs. What releases memory, and what only reads, still works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest
from redis import Redis

from core.blobs.blobs import Blobs
from core.errors import JobNotFound, ServiceUnavailable
from core.jobs.job import RETENTION, TOMBSTONE, Failure, Inputs
from core.params import StyleParams
from core.queue.app import JobQueue, make_celery
from core.store.api_keys import KeyRing, KeyStore
from core.store.jobs import JobStore
from core.store.webhooks.outbox import Outbox
from core.store.webhooks.secrets import WebhookSecrets
from core.store.workers import WorkerRegistry
from core.upkeep.cleaner import Cleaner
from core.upkeep.reaper import Reaper
from core.webhooks.retries import Attempt, Decision
from core.webhooks.webhook import DeliveryState, Webhook
from tests.conftest import photo, stored, vouch
from tests.core.store.test_workers import ONE

Full = Callable[[], AbstractContextManager[None]]
BROKEN = Failure(code="broken", message="it broke", retryable=False)


@pytest.fixture
def full(redis: Redis) -> Full:
    """Make the server full for the duration of a block."""

    @contextmanager
    def block() -> Iterator[None]:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", 1)
        try:
            yield
        finally:
            redis.config_set("maxmemory", 0)

    return block


def make_older(redis: Redis, job_id: str, by: timedelta) -> None:
    redis.hincrbyfloat(f"easel:job:{job_id}", "finished_at", -by.total_seconds())


def test_expired_files_and_records_are_removed(
    redis: Redis, store: JobStore, blobs: Blobs, full: Full
) -> None:
    vouch(redis)
    jobs = []
    for seed in (1, 2):
        picture = stored(blobs, photo(8, 8, seed=seed))
        job = store.claim(store.create(StyleParams(), Inputs(content=picture, styles=())).id)
        assert job is not None
        store.fail(job, BROKEN)
        jobs.append(job)
    expired, forgotten = jobs
    make_older(redis, expired.id, RETENTION)
    make_older(redis, forgotten.id, RETENTION + TOMBSTONE)
    with full():
        swept = Cleaner(redis, blobs, grace=timedelta()).sweep_if_due()
        assert swept is not None
        assert (swept.blobs, swept.records) == (2, 1)
        assert store.get(expired.id).status == "failed"
        with pytest.raises(JobNotFound):
            store.get(forgotten.id)


def test_lost_jobs_are_requeued_and_running_ones_keep_their_lease(
    redis: Redis, full: Full, valkey_url: str
) -> None:
    store = JobStore(redis, lease_seconds=300)
    picture = {"sha256": "0" * 64, "media_type": "image/png", "size_bytes": 1}
    inputs = Inputs.model_validate({"content": picture, "styles": []})
    lost, healthy = (store.claim(store.create(StyleParams(), inputs).id) for _ in range(2))
    assert lost is not None
    assert healthy is not None
    reaper = Reaper(
        redis,
        JobQueue(make_celery(valkey_url)),
        lease_seconds=300,
        every_seconds=0,
        max_attempts=3,
    )
    reaper.sweep()  # the first sweep only records the time
    for job in (lost, healthy):
        redis.zincrby("easel:jobs:running", -301, job.id)
    with full():
        assert store.renew(healthy)
        with pytest.raises(ServiceUnavailable):  # the queue has no room for the message
            reaper.sweep()
        assert store.get(lost.id).status == "queued"
        assert store.get(healthy.id).status == "running"
        store.cancel(lost.id)
        store.fail(healthy, BROKEN)
    assert [store.get(job.id).status for job in (lost, healthy)] == ["canceled", "failed"]


def test_links_and_webhook_secrets_are_read(redis: Redis, store: JobStore, full: Full) -> None:
    path = "/jobs/1/result"
    signed = store.links.sign(path, 60)
    expires, signature = (part.partition("=")[2] for part in signed.partition("?")[2].split("&"))
    secrets = WebhookSecrets(redis)
    secret = secrets.of("ann")
    with full():
        store.links.check(path, int(expires), signature)
        assert store.links.sign(path, 60).startswith(path)
        assert secrets.of("ann") == secret


def test_a_delivery_is_completed(redis: Redis, store: JobStore, full: Full) -> None:
    webhook = Webhook(url="https://h.example/").model_dump_json()
    picture = {"sha256": "0" * 64, "media_type": "image/png", "size_bytes": 1}
    inputs = Inputs.model_validate({"content": picture, "styles": []})
    store.cancel(store.create(StyleParams(), inputs, webhook=webhook).id)
    outbox = Outbox(redis, timedelta(seconds=15))
    with full():
        (claim,) = outbox.claim()
        started = outbox.start(claim, 10)
        assert started is not None
        assert outbox.settle(started, Attempt(status=200), Decision(DeliveryState.DELIVERED))
        assert outbox.claim() == []


def test_workers_stay_registered(redis: Redis, full: Full) -> None:
    with full():
        WorkerRegistry(redis).announce(ONE)
        assert WorkerRegistry(redis).live() == [ONE]


def test_an_api_key_can_be_revoked(redis: Redis, full: Full) -> None:
    keys = KeyStore(redis)
    _, text = keys.create("ann")
    with full():
        keys.revoke("ann")
        ring = KeyRing(keys)
        ring.refresh()
        assert ring.find(text) is None
