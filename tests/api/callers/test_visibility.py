"""A caller sees its own jobs, and cannot tell whether other jobs exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
from redis import Redis

from api.deps import Services
from core.jobs.job import new_job_id
from core.store.api_keys import KeyRing, KeyStore
from tests.api.callers.requests import bearer, create
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import post
from tests.core.store.test_api_keys import Clock

MISSING = "01a202d6-98c4-775e-952b-a081813c8da6"


def test_every_route_answers_404_for_the_job_of_another_caller(
    client: httpx.Client, redis: Redis
) -> None:
    job_id = post(client).json()["id"]
    redis.hset(f"easel:job:{job_id}", "owner", "somebody else")
    record = redis.hgetall(f"easel:job:{job_id}")
    paths = client.get("/openapi.json").json()["paths"]
    calls = [(method, path) for path in paths if "{job_id}" in path for method in paths[path]]
    assert len(calls) >= 3
    for method, path in calls:
        answers = [
            client.request(method, path.replace("{job_id}", each)) for each in (job_id, MISSING)
        ]
        other, missing = (assert_problem(each, 404, "job_not_found") for each in answers)
        assert other["detail"].replace(job_id, MISSING) == missing["detail"], path
    assert redis.hgetall(f"easel:job:{job_id}") == record


def test_two_keys_with_the_same_name_see_the_same_jobs_until_one_is_revoked(
    services: Services, keys: KeyStore
) -> None:
    clock = Clock()
    first, old = keys.create("alice")
    _, new = keys.create("alice")
    ring = KeyRing(keys, clock)
    with serving(replace(services, keyring=ring)) as client:
        path = f"/jobs/{create(client, old).json()['id']}"
        assert client.get(path, headers=bearer(new)).status_code == 200
        keys.revoke(first.id)
        clock.seconds += 1
        assert_problem(client.get(path, headers=bearer(old)), 401, "invalid_key")
        assert client.get(path, headers=bearer(new)).status_code == 200


def test_the_response_for_another_callers_job_is_that_for_a_missing_job(
    services: Services, keys: KeyStore
) -> None:
    _, alice = keys.create("alice")
    _, bob = keys.create("bob")
    with serving(services) as client:
        theirs, missing = create(client, alice).json()["id"], new_job_id()
        paths = client.get("/openapi.json").json()["paths"]
        calls = [(m, p) for p in paths if "{job_id}" in p for m in paths[p]]
        for method, path in calls:
            responses = [
                _comparable(
                    client.request(method, path.replace("{job_id}", each), headers=bearer(bob))
                )
                for each in (theirs, missing)
            ]
            assert responses[0] == responses[1], path
        assert client.get(f"/jobs/{theirs}", headers=bearer(alice)).json()["status"] == "queued"


def _comparable(answer: httpx.Response) -> Any:
    """Return the parts of a response that must not depend on the job ID, time or request ID."""
    job_id = answer.url.path.split("/")[2]
    own = {"date", "x-request-id"}
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    return answer.status_code, headers, answer.text.replace(job_id, "{}")


def test_anonymous_callers_and_callers_with_keys_do_not_see_each_others_jobs(
    services: Services, keys: KeyStore
) -> None:
    _, key = keys.create("alice")
    with serving(limited(services, allow_anonymous=True)) as client:
        with_key, anonymous = create(client, key).json()["id"], post(client).json()["id"]
        assert client.get(f"/jobs/{anonymous}").status_code == 200
        assert_problem(client.get(f"/jobs/{with_key}"), 404, "job_not_found")
        assert_problem(client.get(f"/jobs/{anonymous}", headers=bearer(key)), 404, "job_not_found")
