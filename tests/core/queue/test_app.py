"""The messages that announce jobs to workers."""

from __future__ import annotations

import base64
import json

import pytest
from redis import Redis

from core.errors import ServiceUnavailable
from core.queue.app import JobQueue, Messages, make_celery

QUEUE = "easel.jobs"


def test_a_message_carries_only_the_job_id(redis: Redis, valkey_url: str) -> None:
    JobQueue(make_celery(valkey_url)).announce("some-id")
    message = json.loads(str(redis.lindex(QUEUE, 0)))
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == (["some-id"], {})
    assert message["content-type"] == "application/json"


def test_waiting_messages_can_be_counted_and_listed(redis: Redis, valkey_url: str) -> None:
    queue, messages = JobQueue(make_celery(valkey_url)), Messages(redis)
    assert (messages.count(), messages.job_ids()) == (0, set())
    queue.announce("one")
    queue.announce("two")
    queue.announce("two")
    for garbage in ("", "{", "[]", "7", '{"headers": 3}'):
        redis.lpush(QUEUE, garbage)
    assert (messages.count(), messages.job_ids()) == (8, {"one", "two"})


def test_messages_are_received_in_the_order_in_which_they_were_sent(
    redis: Redis, valkey_url: str
) -> None:
    celery = make_celery(valkey_url)
    for job_id in ("one", "two"):
        JobQueue(celery).announce(job_id)
    received = []
    with celery.connection_for_read() as connection:
        incoming = connection.SimpleQueue(celery.amqp.queues[QUEUE])
        for _ in range(2):
            message = incoming.get(timeout=30)
            received.append(message.headers["id"])
            message.ack()
        incoming.close()
    assert received == ["one", "two"]


def test_announcing_during_an_outage_raises_service_unavailable() -> None:
    with pytest.raises(ServiceUnavailable, match="the queue is unavailable"):
        JobQueue(make_celery("redis://127.0.0.1:1/0")).announce("some-id")
