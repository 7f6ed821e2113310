"""What a webhook is to be told is noted with the move itself, and is told until it was heard."""

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
from core.store.outbox import ClaimedDelivery, Outbox, StartedDelivery
from core.store.statistics import StatisticsReader
from core.upkeep.reaper import Reaper
from core.webhooks.retries import Attempt, Decision
from core.webhooks.webhook import DeliveryState, Webhook, WebhookEvent
from tests.conftest import some_progress

PICTURE = Picture(sha256="0" * 64, media_type="image/png", size_bytes=1)
INPUTS = Inputs(content=PICTURE, styles=(PICTURE,))
HOOK = Webhook(url="https://h.example/")
BROKEN = Failure(code="broken", message="it broke", retryable=False)
WELL = Attempt(status=200), Decision(DeliveryState.DELIVERED)
ILL = Attempt(status=500, error="http_status"), Decision(DeliveryState.PENDING, timedelta())
MOST = 10


@pytest.fixture
def outbox(redis: Redis) -> Outbox:
    return Outbox(redis, timedelta(seconds=15))


@pytest.fixture
def hasty(redis: Redis) -> Outbox:
    """What this one takes is due again at once."""
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
    return [taken.id for taken in outbox.claim()]


@pytest.mark.parametrize(
    ("end", "word"),
    [
        (succeed, "succeeded"),
        (lambda store, job: store.fail(job, BROKEN), "failed"),
        (cancel, "canceled"),
        (hand_back_canceled, "canceled"),
    ],
)
def test_the_start_and_the_end_of_a_job_are_told(
    store: JobStore, outbox: Outbox, end: Callable[[JobStore, Job], None], word: str
) -> None:
    job = claimed(store)
    assert due(outbox) == [f"{job.id}-started"]
    end(store, job)
    assert due(outbox) == [f"{job.id}-{word}"]
    assert set(store.get(job.id).deliveries) == {"job.started", f"job.{word}"}


def test_a_job_called_off_in_the_queue_is_told_of(store: JobStore, outbox: Outbox) -> None:
    job = posted(store)
    assert due(outbox) == []
    store.cancel(job.id)
    store.cancel(job.id)
    assert due(outbox) == [f"{job.id}-canceled"]


def test_a_job_whose_workers_were_lost_is_told_of(redis: Redis, outbox: Outbox) -> None:
    store = JobStore(redis, lease_seconds=0.001)
    reaper = Reaper(
        redis,
        JobQueue(make_celery("redis://127.0.0.1:1/0")),
        lease_seconds=100,
        every_seconds=0,
        max_attempts=1,
    )
    reaper.sweep()  # the first only begins to count the time
    job = claimed(store)
    while store.get(job.id).status == "running":
        reaper.sweep()
    assert due(outbox) == [f"{job.id}-started", f"{job.id}-failed"]


def test_a_second_attempt_is_no_second_start(store: JobStore, outbox: Outbox) -> None:
    job = claimed(store)
    store.hand_back(job)
    assert store.claim(job.id) is not None
    assert due(outbox) == [f"{job.id}-started"]


def test_only_the_events_that_were_asked_for_are_told(store: JobStore, outbox: Outbox) -> None:
    succeed(store, claimed(store, Webhook(url=HOOK.url, events=(WebhookEvent.FAILED,))))
    succeed(store, claimed(store, webhook=None))
    assert due(outbox) == []


def test_what_one_has_taken_nobody_else_takes(store: JobStore, outbox: Outbox) -> None:
    claimed(store)
    assert len(outbox.claim()) == 1
    assert outbox.claim() == []


def begin(outbox: Outbox) -> StartedDelivery:
    (taken,) = outbox.claim()
    begun = outbox.start(taken, MOST)
    assert begun is not None
    return begun


def test_a_delivery_that_was_made_is_over(store: JobStore, outbox: Outbox, redis: Redis) -> None:
    job = claimed(store)
    begun = begin(outbox)
    assert (begun.job.id, begun.event, begun.attempts) == (job.id, "job.started", 1)
    assert outbox.settle(begun, *WELL)
    delivery = store.get(job.id).deliveries[WebhookEvent.STARTED]
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 1, 200)
    assert delivery.last_attempt_at is not None
    assert delivery.next_attempt_at is None
    assert StatisticsReader(redis).read().webhooks_waiting == 0


def test_a_delivery_that_failed_is_due_again_and_says_why(store: JobStore, outbox: Outbox) -> None:
    job = claimed(store)
    outbox.settle(begin(outbox), *ILL)
    delivery = store.get(job.id).deliveries[WebhookEvent.STARTED]
    assert (delivery.state, delivery.last_status) == ("pending", 500)
    assert delivery.last_error == "http_status"
    assert delivery.next_attempt_at is not None
    again = begin(outbox)
    assert again.attempts == 2
    outbox.settle(again, *WELL)
    assert store.get(job.id).deliveries[WebhookEvent.STARTED].last_error is None


def test_what_a_dead_sender_had_taken_is_due_again(store: JobStore, hasty: Outbox) -> None:
    claimed(store)
    (announced,) = hasty.claim()  # and the message was lost
    (again,) = hasty.claim()
    assert hasty.start(announced, MOST) is None
    begun = hasty.start(again, MOST)  # and the sender died
    assert begun is not None
    after = begin(hasty)
    assert after.attempts == 2
    assert not hasty.settle(begun, *ILL), "the first one still had its say"
    assert hasty.settle(after, *WELL)


def test_an_attempt_that_always_kills_the_sender_ends(
    store: JobStore, hasty: Outbox, redis: Redis
) -> None:
    job = claimed(store)
    for _ in range(3):
        (taken,) = hasty.claim()
        assert hasty.start(taken, max_attempts=3) is not None
    (taken,) = hasty.claim()
    assert hasty.start(taken, max_attempts=3) is None
    assert store.get(job.id).deliveries[WebhookEvent.STARTED].state == "failed"
    assert StatisticsReader(redis).read().webhooks_waiting == 0


def test_a_receiver_that_wants_no_more_is_told_no_more(store: JobStore, hasty: Outbox) -> None:
    job = claimed(store)
    begun = begin(hasty)
    hasty.settle(begun, Attempt(status=410), Decision(DeliveryState.STOPPED))
    succeed(store, job)
    assert hasty.claim() == []
    assert set(store.get(job.id).deliveries) == {"job.started"}


def test_a_receiver_that_wants_no_more_is_spared_what_was_waiting(
    store: JobStore, hasty: Outbox, redis: Redis
) -> None:
    job = claimed(store)
    succeed(store, job)
    started, _ = hasty.claim()
    begun = hasty.start(started, MOST)
    assert begun is not None
    hasty.settle(begun, Attempt(status=410), Decision(DeliveryState.STOPPED))
    assert {each.state for each in store.get(job.id).deliveries.values()} == {"stopped"}
    assert StatisticsReader(redis).read().webhooks_waiting == 0


def test_nothing_is_told_of_a_job_that_was_removed(
    store: JobStore, outbox: Outbox, redis: Redis
) -> None:
    job = claimed(store)
    (taken,) = outbox.claim()
    redis.delete(f"easel:job:{job.id}")
    assert outbox.start(taken, MOST) is None
    assert StatisticsReader(redis).read().webhooks_waiting == 0
    assert not redis.exists(f"easel:job:{job.id}")


def test_a_message_of_something_else_is_not_begun(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match=r"job\.junk"):
        outbox.start(ClaimedDelivery("some-junk", "1"), MOST)


def test_one_caller_s_receivers_do_not_take_every_place(
    store: JobStore, outbox: Outbox, redis: Redis
) -> None:
    webhook = HOOK.model_dump_json()
    for caller, count in (("ann", 5), ("bob", 1)):
        terms = Admission(caller=caller, owner=caller, max_queue=99, max_jobs_per_caller=99)
        for _ in range(count):
            assert store.claim(store.create(StyleParams(), INPUTS, terms, webhook=webhook).id)
    begun = [outbox.start(taken, MOST) for taken in outbox.claim()]
    told = [each.job.caller for each in begun if each]
    assert sorted(told) == ["ann"] * 4 + ["bob"]
    assert StatisticsReader(redis).read().webhooks_waiting == 6
    queued: Any = redis.zrange("easel:webhooks:due", 0, 0, withscores=True)
    ((put_off, due_at),) = queued
    first = next(each for each in begun if each and each.job.caller == "ann")
    outbox.settle(first, *WELL)
    again = outbox.start(ClaimedDelivery(put_off, repr(due_at)), MOST)
    assert again
    assert again.job.caller == "ann"
    assert again.attempts == 1
