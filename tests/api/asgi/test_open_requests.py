"""Limits on open requests, of one caller and of all."""

from __future__ import annotations

import time
from contextlib import ExitStack

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.store import api_keys
from core.store.api_keys import KeyStore
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.problems import assert_problem
from tests.api.routes.test_events import following
from tests.api.routes.test_jobs import post
from tests.conftest import some_progress


def test_a_caller_has_a_limited_number_of_open_requests(services: Services) -> None:
    with (
        serving(limited(services, max_connections=8, max_connections_per_caller=3)) as client,
        ExitStack() as streams,
    ):
        job_id = post(client).json()["id"]
        kept = [streams.enter_context(following(client, job_id)) for _ in range(3)]
        assert [stream.next().event for stream in kept] == ["queued"] * 3
        problem = assert_problem(client.get(f"/jobs/{job_id}"), 429, "too_many_connections")
        assert "you have 3 requests open; at most 3 are allowed" in problem["detail"]
        transport = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(base_url=client.base_url, transport=transport, timeout=60) as another:
            assert another.get(f"/jobs/{job_id}").status_code == 200
        streams.close()
        end = time.monotonic() + 60
        while client.get(f"/jobs/{job_id}").status_code == 429:
            assert time.monotonic() < end, "the server does not notice that the streams are closed"


def test_a_full_process_answers_health_checks(services: Services) -> None:
    with (
        serving(limited(services, max_connections=8, max_connections_per_caller=99)) as client,
        ExitStack() as opened,
    ):
        job_id = post(client).json()["id"]
        callers = [
            opened.enter_context(
                httpx.Client(
                    base_url=client.base_url,
                    transport=httpx.HTTPTransport(local_address=f"127.0.0.{number}"),
                    timeout=60,
                )
            )
            for number in (2, 3, 4)
        ]
        kept = [
            opened.enter_context(following(caller, job_id))
            for caller in callers[:2]
            for _ in range(4)
        ]
        assert [stream.next().event for stream in kept] == ["queued"] * 8
        refused = callers[2].get(f"/jobs/{job_id}")
        problem = assert_problem(refused, 503, "connections_full")
        assert "the server answers 8 requests; at most 8 are allowed" in problem["detail"]
        assert refused.headers["retry-after"] == "5"
        assert callers[2].get("/healthz").status_code == 200
        assert callers[2].get("/metrics").status_code == 200


def test_an_event_stream_ends_when_its_key_is_revoked(
    services: Services, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "FRESH_SECONDS", 0)
    monkeypatch.setattr("api.routes.events._AUTHORIZED_SECONDS", 0)
    keys = KeyStore(redis)
    with serving(services) as client:
        client.headers["X-API-Key"] = keys.create("alice")[1]
        job = services.store.claim(post(client).json()["id"])
        assert job is not None
        with following(client, job.id) as stream:
            assert [stream.next().event for _ in range(2)] == ["queued", "started"]
            keys.revoke("alice")
            services.store.renew(job, progress=some_progress())
            assert stream.rest() == []
