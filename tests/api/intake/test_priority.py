"""The priority of a job among the jobs of its caller."""

from __future__ import annotations

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.store.api_keys import KeyStore
from tests.api.callers.requests import bearer
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import files, post


def position(client: httpx.Client, **fields: str) -> int:
    """Return the position that a job would have."""
    estimate = post(client, None, validate_only="true", **fields)
    assert estimate.status_code == 200, estimate.text
    return int(estimate.json()["queue_position"])


def test_jobs_start_in_the_order_of_their_priorities(
    client: httpx.Client, services: Services
) -> None:
    ids = {each: post(client, priority=each).json()["id"] for each in ("low", "normal")}
    assert client.get(f"/jobs/{ids['low']}").json()["priority"] == "low"
    started = [services.store.claim() for _ in range(2)]
    assert [job and job.id for job in started] == [ids["normal"], ids["low"]]


def test_an_estimate_has_the_position_that_the_job_would_have(
    client: httpx.Client, services: Services
) -> None:
    assert position(client) == 0
    for priority in ("normal", "normal", "low"):
        post(client, priority=priority)
    assert (position(client), position(client, priority="low")) == (2, 3)
    attempt = services.store.claim()
    assert attempt is not None
    services.store.hand_back(attempt)
    assert position(client) == 2


def test_an_unknown_priority_is_refused(client: httpx.Client) -> None:
    problem = assert_problem(post(client, priority="urgent"), 422, "invalid_request")
    assert problem["errors"] == [
        {"field": "priority", "message": "'urgent' is invalid; expected low, normal, high"}
    ]


@pytest.mark.parametrize("permitted", [True, False])
def test_high_priority_requires_a_key_that_permits_it(
    client: httpx.Client, redis: Redis, *, permitted: bool
) -> None:
    _, key = KeyStore(redis).create("alice", high_priority=permitted)
    answer = client.post("/jobs", files=files(), data={"priority": "high"}, headers=bearer(key))
    if permitted:
        assert answer.json()["priority"] == "high"
    else:
        (error,) = assert_problem(answer, 422, "invalid_request")["errors"]
        assert error["field"] == "priority"
        assert "easel keys create --high-priority" in error["message"]


def test_callers_without_a_key_have_no_high_priority(client: httpx.Client) -> None:
    assert_problem(post(client, priority="high"), 422, "invalid_request")
