"""Web pages of other sites cannot use a server without API keys."""

from __future__ import annotations

import httpx
import pytest

from api.deps import Services
from core.jobs.job import new_job_id
from core.store.api_keys import KeyStore
from tests.api.callers.requests import bearer
from tests.api.callers.test_authentication import PUBLIC
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import post

REBOUND = {"Host": "evil.example:8000"}
CROSS_SITE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize(
    ("headers", "code"), [(REBOUND, "host_refused"), (CROSS_SITE, "origin_refused")]
)
def test_a_foreign_page_gets_nothing_and_changes_nothing(
    client: httpx.Client, headers: dict[str, str], code: str
) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for method, path in [(m, p) for p in paths for m in paths[p] if p not in PUBLIC]:
        answer = client.request(method, path.replace("{job_id}", new_job_id()), headers=headers)
        assert_problem(answer, 403, code)
    client.headers.update(headers)
    assert_problem(post(client), 403, code)
    for name in headers:
        del client.headers[name]
    assert client.get("/jobs").json()["items"] == []


def test_health_checks_may_call_the_api_by_any_name(client: httpx.Client) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code in (200, 503)


def test_the_own_page_and_allowed_names_and_pages_may_use_the_api(services: Services) -> None:
    settings = {"allowed_hosts": ("easel.lan",), "cors_origins": ("https://shop.example",)}
    with serving(limited(services, **settings)) as client:
        own = {"Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        shop = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"}
        for headers in ({}, own, shop, {"Host": "easel.lan"}, {"Host": "localhost"}):
            assert client.get("/jobs", headers=headers).status_code == 200


def test_a_caller_with_a_key_may_use_any_name_and_page(services: Services, keys: KeyStore) -> None:
    _, key = keys.create("alice")
    for settings in ({}, {"allow_anonymous": True}):
        with serving(limited(services, **settings)) as client:
            for headers in (REBOUND, CROSS_SITE):
                answer = client.get("/jobs", headers={**bearer(key), **headers})
                assert answer.status_code == 200
