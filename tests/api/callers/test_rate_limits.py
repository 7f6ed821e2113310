"""Rate limits and job limits of callers."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from api.callers.authentication import counted_address
from api.deps import Services
from core.jobs.job import new_job_id
from core.store.api_keys import KeyStore
from tests.api.callers.requests import bearer, create
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import post


@pytest.fixture
def limited_client(services: Services) -> Iterator[httpx.Client]:
    with serving(limited(services, max_requests_per_minute=3)) as client:
        yield client


def test_a_caller_is_refused_after_its_requests_per_minute(limited_client: httpx.Client) -> None:
    path = f"/jobs/{new_job_id()}"
    for _ in range(3):
        assert limited_client.get(path).status_code == 404
    for answer in (limited_client.get(path), post(limited_client)):
        problem = assert_problem(answer, 429, "too_many_requests")
        assert "3 requests a minute" in problem["detail"]
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert limited_client.get("/healthz").status_code == 200


def test_a_key_has_its_own_rate_limit_and_its_own_count(
    limited_client: httpx.Client, keys: KeyStore
) -> None:
    _, fast = keys.create("fast", requests_per_minute=5)
    _, usual = keys.create("usual")
    for key, most in ((fast, 5), (usual, 3)):
        path = f"/jobs/{new_job_id()}"
        answers = [limited_client.get(path, headers=bearer(key)) for _ in range(most + 1)]
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
def test_an_anonymous_caller_is_counted_by_its_ipv4_address_or_ipv6_network(
    address: str, expected: str
) -> None:
    assert counted_address(address) == expected


def test_a_key_has_its_own_limit_of_unfinished_jobs(services: Services, keys: KeyStore) -> None:
    _, narrow = keys.create("narrow", max_jobs=1)
    _, usual = keys.create("usual")
    with serving(limited(services, max_jobs_per_caller=2)) as client:
        for key, most in ((narrow, 1), (usual, 2)):
            for _ in range(most):
                assert create(client, key).status_code == 202
            problem = assert_problem(create(client, key), 429, "too_many_jobs")
            assert f"{most} are allowed" in problem["detail"]
