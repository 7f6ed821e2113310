"""The message that tells a worker of a job."""

from __future__ import annotations

import base64
import json

import pytest
from redis import Redis

from core.errors import ServiceUnavailable
from core.queue.app import JobQueue, Messages, make_celery

LISTS = ("easel.jobs", "easel.jobs\x06\x169")


def test_the_message_carries_the_id_and_nothing_else(redis: Redis, valkey_url: str) -> None:
    JobQueue(make_celery(valkey_url)).announce("some-id")
    message = json.loads(str(redis.lindex(LISTS[1], 0)))
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == (["some-id"], {})
    assert message["content-type"] == "application/json"


def test_messages_that_nobody_took_yet_can_be_listed(redis: Redis, valkey_url: str) -> None:
    queue, messages = JobQueue(make_celery(valkey_url)), Messages(redis)
    assert (messages.count(), messages.job_ids()) == (0, set())
    queue.announce("one")
    queue.announce("two", first=True)
    queue.announce("two")
    for garbage in ("", "{", "[]", "7", '{"headers": 3}'):
        redis.lpush(LISTS[0], garbage)
    assert (messages.count(), messages.job_ids()) == (8, {"one", "two"})


def test_what_was_begun_is_taken_before_what_was_not(redis: Redis, valkey_url: str) -> None:
    celery = make_celery(valkey_url)
    queue = JobQueue(celery)
    queue.announce("new")
    queue.announce("begun", first=True)
    taken = []
    with celery.connection_for_read() as connection:
        incoming = connection.SimpleQueue(celery.amqp.queues["easel.jobs"])
        for _ in range(2):
            message = incoming.get(timeout=30)
            taken.append(message.headers["id"])
            message.ack()
        incoming.close()
    assert taken == ["begun", "new"]


def test_an_outage_is_reported_soon() -> None:
    with pytest.raises(ServiceUnavailable, match="the queue is unavailable"):
        JobQueue(make_celery("redis://127.0.0.1:1/0")).announce("some-id")
