"""The path of a request for a job hashes every file once and looks up its key twice."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.api.routes.test_jobs import CONTENT, STYLE, files


def test_every_upload_is_hashed_once(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: Counter[bytes] = Counter()
    sha256 = hashlib.sha256

    def counting(data: bytes = b"", **options: Any) -> Any:
        hashed[bytes(data)] += 1
        return sha256(data, **options)

    monkeypatch.setattr(hashlib, "sha256", counting)
    headers = {"Idempotency-Key": "a key"}
    assert client.post("/jobs", files=files(), headers=headers).status_code == 202
    assert (hashed[CONTENT], hashed[STYLE]) == (1, 1)


@pytest.mark.parametrize("sent_before", [False, True])
def test_an_idempotency_key_is_looked_up_twice(
    client: httpx.Client, redis: Redis, sent_before: bool
) -> None:
    """Once before the body is read, and once when the job is created or recalled."""
    headers = {"Idempotency-Key": "a key"}
    if sent_before:
        client.post("/jobs", files=files(), headers=headers)
    with redis.monitor() as monitor:
        client.post("/jobs", files=files(), headers=headers)
        redis.echo("end")
        commands = iter(monitor.next_command, None)
        texts = itertools.takewhile(
            lambda text: text != "ECHO end", (c["command"] for c in commands)
        )
        lookups = [text for text in texts if text.startswith("HMGET easel:idempotency:")]
    assert len(lookups) == 2
