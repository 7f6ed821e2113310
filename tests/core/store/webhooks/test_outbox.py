"""Deliveries are enqueued with the change that they report, and are due until they are made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from core.jobs.admission import Admission
from core.jobs.job import Failure, Inputs, Job, Metrics, Picture
from core.params import StyleParams
from core.queue.app import JobQueue, make_celery
from core.store.jobs import JobStore
from core.store.statistics import StatisticsReader
from core.store.webhooks.outbox import ClaimedDelivery, Outbox, StartedDelivery
from core.upkeep.reaper import Reaper
from core.webhooks.retries import Attempt, Decision
from core.webhooks.webhook import DeliveryState, Webhook, WebhookEvent
from tests.conftest import some_progress

PICTURE = Picture(sha256="0" * 64, media_type="image/png", size_bytes=1)
INPUTS = Inputs(content=PICTURE, styles=(PICTURE,))
HOOK = Webhook(url="https://h.example/")
BROKEN = Failure(code="broken", message="it broke", retryable=False)
DELIVERED = Attempt(status=200), Decision(DeliveryState.DELIVERED)
FAILED_ATTEMPT = (
    Attempt(status=500, error="http_status"),
    Decision(DeliveryState.PENDING, timedelta()),
)
MAX_ATTEMPTS = 10


@pytest.fixture
def outbox(redis: Redis) -> Outbox:
    return Outbox(redis, timedelta(seconds=15))


@pytest.fixture
def hasty(redis: Redis) -> Outbox:
    """An outbox whose claims expire at once."""
    return Outbox(redis, timedelta())


def posted(store: JobStore, webhook: Webhook | None = HOOK) -> Job:
    if webhook is None:
        return store.create(StyleParams(), INPUTS)
    return store.create(StyleParams(), INPUTS, webhook=webhook.model_dump_json())


def claimed(store: JobStore, webhook: Webhook | None = HOOK) -> Job:
    job = store.claim(posted(store, webhook).id)
    assert job is not None
    return job


def succeed(store: JobStore, job: Job) -> None:
    store.succeed(job, PICTURE, some_progress(), Metrics(optimize_seconds=1, device="cpu"))


def cancel(store: JobStore, job: Job) -> None:
    store.cancel(job.id)
    store.confirm_cancel(job)


def hand_back_canceled(store: JobStore, job: Job) -> None:
    store.cancel(job.id)
    store.hand_back(job)


def due(outbox: Outbox) -> list[str]:
    return [claim.id for claim in outbox.claim()]


@pytest.mark.parametrize(
    ("end", "word"),
    [
        (succeed, "succeeded"),
        (lambda store, job: store.fail(job, BROKEN), "failed"),
        (cancel, "canceled"),
        (hand_back_canceled, "canceled"),
    ],
)
def test_the_start_and_the_end_of_a_job_enqueue_deliveries(
    store: JobStore, outbox: Outbox, end: Callable[[JobStore, Job], None], word: str
) -> None:
    job = claimed(store)
    assert due(outbox) == [f"{job.id}-started"]
    end(store, job)
    assert due(outbox) == [f"{job.id}-{word}"]
    assert set(store.get(job.id).deliveries) == {"job.started", f"job.{word}"}


def test_canceling_a_queued_job_enqueues_one_delivery(store: JobStore, outbox: Outbox) -> None:
    job = posted(store)
    assert due(outbox) == []
    store.cancel(job.id)
    store.cancel(job.id)
    assert due(outbox) == [f"{job.id}-canceled"]


def test_losing_all_workers_enqueues_a_delivery(redis: Redis, outbox: Outbox) -> None:
    store = JobStore(redis, lease_seconds=0.001)
    reaper = Reaper(
        redis,
        JobQueue(make_celery("redis://127.0.0.1:1/0")),
        lease_seconds=100,
        every_seconds=0,
        max_attempts=1,
    )
    reaper.sweep()  # the first sweep only records the time
    job = claimed(store)
    while store.get(job.id).status == "running":
        reaper.sweep()
    assert due(outbox) == [f"{job.id}-started", f"{job.id}-failed"]


def test_only_the_first_start_is_delivered(store: JobStore, outbox: Outbox) -> None:
    job = claimed(store)
    store.hand_back(job)
    assert store.claim(job.id) is not None
    assert due(outbox) == [f"{job.id}-started"]


def test_only_subscribed_events_are_delivered(store: JobStore, outbox: Outbox) -> None:
    succeed(store, claimed(store, Webhook(url=HOOK.url, events=(WebhookEvent.FAILED,))))
    succeed(store, claimed(store, webhook=None))
    assert due(outbox) == []


def test_a_claimed_delivery_is_not_claimed_again(store: JobStore, outbox: Outbox) -> None:
    claimed(store)
    assert len(outbox.claim()) == 1
    assert outbox.claim() == []


def start(outbox: Outbox) -> StartedDelivery:
    (claim,) = outbox.claim()
    started = outbox.start(claim, MAX_ATTEMPTS)
    assert started is not None
    return started


def test_a_successful_delivery_leaves_the_outbox(
    store: JobStore, outbox: Outbox, redis: Redis
) -> None:
    job = claimed(store)
    started = start(outbox)
    assert (started.job.id, started.event, started.attempts) == (job.id, "job.started", 1)
    assert outbox.settle(started, *DELIVERED)
    delivery = store.get(job.id).deliveries[WebhookEvent.STARTED]
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 1, 200)
    assert delivery.last_attempt_at is not None
    assert delivery.next_attempt_at is None
    assert StatisticsReader(redis).read().webhooks_waiting == 0


def test_a_failed_delivery_is_due_again_with_its_error(store: JobStore, outbox: Outbox) -> None:
    job = claimed(store)
    outbox.settle(start(outbox), *FAILED_ATTEMPT)
    delivery = store.get(job.id).deliveries[WebhookEvent.STARTED]
    assert (delivery.state, delivery.last_status) == ("pending", 500)
    assert delivery.last_error == "http_status"
    assert delivery.next_attempt_at is not None
    again = start(outbox)
    assert again.attempts == 2
    outbox.settle(again, *DELIVERED)
    assert store.get(job.id).deliveries[WebhookEvent.STARTED].last_error is None


def test_a_delivery_claimed_by_a_dead_sender_is_due_again(store: JobStore, hasty: Outbox) -> None:
    claimed(store)
    (announced,) = hasty.claim()  # whose message is lost
    (again,) = hasty.claim()
    assert hasty.start(announced, MAX_ATTEMPTS) is None
    started = hasty.start(again, MAX_ATTEMPTS)  # whose sender dies
    assert started is not None
    after = start(hasty)
    assert after.attempts == 2
    assert not hasty.settle(started, *FAILED_ATTEMPT), "the first attempt was still recorded"
    assert hasty.settle(after, *DELIVERED)


def test_a_delivery_whose_attempts_all_vanish_fails(
    store: JobStore, hasty: Outbox, redis: Redis
) -> None:
    job = claimed(store)
    for _ in range(3):
        (claim,) = hasty.claim()
        assert hasty.start(claim, max_attempts=3) is not None
    (claim,) = hasty.claim()
    assert hasty.start(claim, max_attempts=3) is None
    assert store.get(job.id).deliveries[WebhookEvent.STARTED].state == "failed"
    assert StatisticsReader(redis).read().webhooks_waiting == 0


def test_a_stopped_receiver_gets_no_later_events(store: JobStore, hasty: Outbox) -> None:
    job = claimed(store)
    started = start(hasty)
    hasty.settle(started, Attempt(status=410), Decision(DeliveryState.STOPPED))
    succeed(store, job)
    assert hasty.claim() == []
    assert set(store.get(job.id).deliveries) == {"job.started"}


def test_a_stopped_receiver_gets_no_waiting_events(
    store: JobStore, hasty: Outbox, redis: Redis
) -> None:
    job = claimed(store)
    succeed(store, job)
    first, _ = hasty.claim()
    started = hasty.start(first, MAX_ATTEMPTS)
    assert started is not None
    hasty.settle(started, Attempt(status=410), Decision(DeliveryState.STOPPED))
    assert {each.state for each in store.get(job.id).deliveries.values()} == {"stopped"}
    assert StatisticsReader(redis).read().webhooks_waiting == 0


def test_a_delivery_of_a_removed_job_is_dropped(
    store: JobStore, outbox: Outbox, redis: Redis
) -> None:
    job = claimed(store)
    (claim,) = outbox.claim()
    store.delete(job.id)
    assert outbox.start(claim, MAX_ATTEMPTS) is None
    assert StatisticsReader(redis).read().webhooks_waiting == 0
    assert not redis.exists(f"easel:job:{job.id}")


def test_a_delivery_with_an_unknown_event_is_refused(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="'some-junk' does not end with an event"):
        outbox.start(ClaimedDelivery("some-junk", "1"), MAX_ATTEMPTS)


def test_the_active_attempts_of_a_caller_are_limited(
    store: JobStore, outbox: Outbox, redis: Redis
) -> None:
    webhook = HOOK.model_dump_json()
    for caller, count in (("ann", 5), ("bob", 1)):
        admission = Admission(caller=caller, owner=caller, max_queue=99, max_jobs_per_caller=99)
        for _ in range(count):
            assert store.claim(store.create(StyleParams(), INPUTS, admission, webhook=webhook).id)
    started = [outbox.start(claim, MAX_ATTEMPTS) for claim in outbox.claim()]
    callers = [each.job.caller for each in started if each]
    assert sorted(callers) == ["ann"] * 4 + ["bob"]
    assert StatisticsReader(redis).read().webhooks_waiting == 6
    queued: Any = redis.zrange("easel:webhooks:pending:ann", 0, 0, withscores=True)
    ((postponed, due_at),) = queued
    first = next(each for each in started if each and each.job.caller == "ann")
    outbox.settle(first, *DELIVERED)
    again = outbox.start(ClaimedDelivery(postponed, repr(due_at)), MAX_ATTEMPTS)
    assert again
    assert again.job.caller == "ann"
    assert again.attempts == 1


def admission_of(caller: str) -> Admission:
    return Admission(caller=caller, owner=caller, max_queue=10**4, max_jobs_per_caller=10**4)


def post_and_cancel(store: JobStore, caller: str) -> Job:
    webhook = HOOK.model_dump_json()
    job = store.create(StyleParams(), INPUTS, admission_of(caller), webhook=webhook)
    return store.cancel(job.id)


def test_a_caller_with_many_dead_deliveries_does_not_delay_another(
    store: JobStore, outbox: Outbox, redis: Redis
) -> None:
    for _ in range(300):
        post_and_cancel(store, "ann")
    job = post_and_cancel(store, "bob")
    claims = outbox.claim()
    assert f"{job.id}-canceled" in [claim.id for claim in claims]
    for claim in claims:  # ann's receiver does not respond: four attempts stay active
        outbox.start(claim, MAX_ATTEMPTS)
    assert outbox.claim() == [], "deliveries were claimed that cannot be started"
    other = post_and_cancel(store, "bob")
    assert due(outbox) == [f"{other.id}-canceled"]
    assert StatisticsReader(redis).read().webhooks_waiting == 302


def test_callers_take_turns(store: JobStore, outbox: Outbox) -> None:
    callers = [f"caller{number}" for number in range(6)]
    for caller in callers:
        for _ in range(30):
            post_and_cancel(store, caller)
    turns = [{store.get(name.rpartition("-")[0]).caller for name in due(outbox)} for _ in range(2)]
    assert turns[0] | turns[1] == set(callers)
    while due(outbox):
        pass
    assert outbox.claim() == []


def test_a_caller_whose_deliveries_are_all_made_is_forgotten(
    store: JobStore, outbox: Outbox, redis: Redis
) -> None:
    claimed(store)
    outbox.settle(start(outbox), *DELIVERED)
    assert redis.keys("easel:webhooks:*") == []


def test_a_delivery_whose_job_was_removed_is_dropped(
    store: JobStore, outbox: Outbox, redis: Redis
) -> None:
    job = post_and_cancel(store, "ann")
    redis.delete(f"easel:job:{job.id}")
    assert outbox.claim() == []
    assert redis.keys("easel:webhooks:*") == []
