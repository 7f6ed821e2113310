"""With API keys: who comes in, who sees what, and who has asked for too much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from redis import Redis

from api.callers.authentication import counted_address
from api.deps import Services
from core.jobs.job import new_job_id
from core.store.api_keys import KeyRing, KeyStore
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import files, post
from tests.core.store.test_api_keys import Clock


@pytest.fixture
def keys(redis: Redis) -> KeyStore:
    return KeyStore(redis)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def create(client: httpx.Client, key: str) -> httpx.Response:
    return client.post("/jobs", files=files(), headers=bearer(key))


def test_once_there_is_a_key_every_request_for_jobs_needs_one(
    services: Services, keys: KeyStore
) -> None:
    _, key = keys.create("alice")
    with serving(services) as client:
        paths = client.get("/openapi.json").json()["paths"]
        calls = [(m, p) for p in paths if p.startswith("/jobs") for m in paths[p]]
        assert ("post", "/jobs") in calls
        for method, path in calls:
            answer = client.request(method, path.replace("{job_id}", new_job_id()))
            problem = assert_problem(answer, 401, "key_required")
            assert "Authorization: Bearer" in problem["detail"]
            assert answer.headers["www-authenticate"] == 'Bearer realm="easel"'
        job = create(client, key).json()
        for headers in (bearer(key), {"X-API-Key": key}, {"Authorization": f"bearer {key}"}):
            assert client.get(f"/jobs/{job['id']}", headers=headers).status_code == 200
        for path in ("/healthz", "/docs", "/openapi.json"):
            assert client.get(path).status_code == 200


#: What anybody may ask: nothing of it belongs to a caller.
PUBLIC = {"/healthz", "/readyz", "/metrics", "/presets", "/version"}


def test_nothing_else_answers_without_a_key(services: Services) -> None:
    with serving(limited(services, require_keys=True)) as client:
        paths = client.get("/openapi.json").json()["paths"]
        for method, path in [(m, p) for p in paths for m in paths[p] if p not in PUBLIC]:
            answer = client.request(method, path.replace("{job_id}", new_job_id()))
            assert_problem(answer, 401, "key_required")


def test_a_wrong_key_is_refused_even_where_none_is_needed(
    services: Services, keys: KeyStore
) -> None:
    _, key = keys.create("alice")
    _, other = keys.create("bob")
    wrong: list[dict[str, str]] = [
        bearer("nonsense"), bearer(key[:-1]), {"X-API-Key": key + "x"},
        {**bearer(key), "X-API-Key": other},
    ]  # fmt: skip
    for settings in ({}, {"allow_anonymous": True}):
        with serving(limited(services, **settings)) as client:
            for headers in wrong:
                answer = client.get(f"/jobs/{new_job_id()}", headers=headers)
                assert_problem(answer, 401, "invalid_key")
                assert 'error="invalid_token"' in answer.headers["www-authenticate"]
                assert key not in answer.text


def test_the_refusal_of_a_stranger_comes_before_the_upload_is_stored(
    services: Services, keys: KeyStore
) -> None:
    keys.create("alice")
    with serving(services) as client:
        assert_problem(post(client), 401, "key_required")
    assert list(services.blobs.ages()) == []


def test_anonymous_callers_are_let_in_beside_keys_if_that_is_said(
    services: Services, keys: KeyStore
) -> None:
    _, key = keys.create("alice")
    with serving(limited(services, allow_anonymous=True)) as client:
        theirs, nobodys = create(client, key).json()["id"], post(client).json()["id"]
        assert client.get(f"/jobs/{nobodys}").status_code == 200
        assert_problem(client.get(f"/jobs/{theirs}"), 404, "job_not_found")
        assert_problem(client.get(f"/jobs/{nobodys}", headers=bearer(key)), 404, "job_not_found")


def test_keys_can_be_required_before_there_is_one(services: Services) -> None:
    with serving(limited(services, require_keys=True)) as client:
        assert_problem(post(client), 401, "key_required")


def test_the_address_that_is_reached_decides_and_not_only_the_setting(services: Services) -> None:
    """As when uvicorn is started by hand, with a host that the settings know nothing of."""
    with serving(limited(services, host="0.0.0.0")) as client:
        assert_problem(post(client), 401, "key_required")


def test_two_keys_of_a_name_see_the_same_jobs_and_a_revoked_one_sees_nothing(
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


def test_another_callers_job_looks_like_none_at_all(services: Services, keys: KeyStore) -> None:
    _, alice = keys.create("alice")
    _, bob = keys.create("bob")
    with serving(services) as client:
        theirs, nobodys = create(client, alice).json()["id"], new_job_id()
        paths = client.get("/openapi.json").json()["paths"]
        calls = [(m, p) for p in paths if "{job_id}" in p for m in paths[p]]
        for method, path in calls:
            seen = [
                _look(client.request(method, path.replace("{job_id}", each), headers=bearer(bob)))
                for each in (theirs, nobodys)
            ]
            assert seen[0] == seen[1], path
        assert client.get(f"/jobs/{theirs}", headers=bearer(alice)).json()["status"] == "queued"


def _look(answer: httpx.Response) -> Any:
    """All of an answer but what the id, the time and the request's own name must make differ."""
    job_id = answer.url.path.split("/")[2]
    own = {"date", "x-request-id"}
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    return answer.status_code, headers, answer.text.replace(job_id, "{}")


def test_a_key_has_its_own_number_of_jobs(services: Services, keys: KeyStore) -> None:
    _, narrow = keys.create("narrow", max_jobs=1)
    _, usual = keys.create("usual")
    with serving(limited(services, max_jobs_per_caller=2)) as client:
        for key, most in ((narrow, 1), (usual, 2)):
            for _ in range(most):
                assert create(client, key).status_code == 202
            problem = assert_problem(create(client, key), 429, "too_many_jobs")
            assert f"{most} are allowed" in problem["detail"]


@pytest.fixture
def hurried(services: Services) -> Iterator[httpx.Client]:
    with serving(limited(services, max_requests_per_minute=3)) as client:
        yield client


def test_requests_are_counted_by_the_minute_up_to_the_limit(hurried: httpx.Client) -> None:
    path = f"/jobs/{new_job_id()}"
    for _ in range(3):
        assert hurried.get(path).status_code == 404
    for answer in (hurried.get(path), post(hurried)):
        problem = assert_problem(answer, 429, "too_many_requests")
        assert "3 requests a minute" in problem["detail"]
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert hurried.get("/healthz").status_code == 200


def test_a_key_has_its_own_rate_and_its_own_count(hurried: httpx.Client, keys: KeyStore) -> None:
    _, quick = keys.create("quick", requests_per_minute=5)
    _, usual = keys.create("usual")
    for key, most in ((quick, 5), (usual, 3)):
        path = f"/jobs/{new_job_id()}"
        answers = [hurried.get(path, headers=bearer(key)) for _ in range(most + 1)]
        assert [answer.status_code for answer in answers] == [404] * most + [429]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("", "elsewhere"),
        ("easel:rate\r\n*", "elsewhere"),
    ],
)
def test_an_anonymous_caller_is_counted_by_what_it_cannot_choose(
    address: str, expected: str
) -> None:
    assert counted_address(address) == expected
