"""The message that tells a worker of a job."""

from __future__ import annotations

import base64
import json

import pytest
from redis import Redis

from core.errors import ServiceUnavailable
from core.queue import JobQueue, make_celery


def test_the_message_carries_the_id_and_nothing_else(redis: Redis, valkey_url: str) -> None:
    JobQueue(make_celery(valkey_url)).announce("some-id")
    message = json.loads(str(redis.lindex("easel.jobs", 0)))
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == (["some-id"], {})
    assert message["content-type"] == "application/json"


def test_an_outage_is_reported_soon() -> None:
    with pytest.raises(ServiceUnavailable, match="job queue"):
        JobQueue(make_celery("redis://127.0.0.1:1/0")).announce("some-id")
