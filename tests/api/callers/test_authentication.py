"""API keys: which requests need one, and which keys are refused."""

from __future__ import annotations

from api.deps import Services
from core.jobs.job import new_job_id
from core.store.api_keys import KeyStore
from tests.api.callers.requests import bearer, create
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import post


def test_once_a_key_exists_every_request_for_jobs_needs_one(
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


#: Routes that need no key: they show nothing that belongs to a caller.
PUBLIC = {"/healthz", "/readyz", "/metrics", "/presets", "/version"}


def test_every_other_route_needs_a_key_when_keys_are_required(services: Services) -> None:
    with serving(limited(services, require_keys=True)) as client:
        paths = client.get("/openapi.json").json()["paths"]
        for path in PUBLIC:
            assert client.get(path).status_code in (200, 503)  # no worker is ready
            assert "security" not in paths[path]["get"]
        for method, path in [(m, p) for p in paths for m in paths[p] if p not in PUBLIC]:
            assert paths[path][method]["security"]
            answer = client.request(method, path.replace("{job_id}", new_job_id()))
            assert_problem(answer, 401, "key_required")


def test_an_invalid_key_is_refused_even_if_no_key_is_required(
    services: Services, keys: KeyStore
) -> None:
    _, key = keys.create("alice")
    _, other = keys.create("bob")
    invalid: list[dict[str, str]] = [
        bearer("nonsense"), bearer(key[:-1]), {"X-API-Key": key + "x"},
        {**bearer(key), "X-API-Key": other},
    ]  # fmt: skip
    for settings in ({}, {"allow_anonymous": True}):
        with serving(limited(services, **settings)) as client:
            for headers in invalid:
                answer = client.get(f"/jobs/{new_job_id()}", headers=headers)
                assert_problem(answer, 401, "invalid_key")
                assert 'error="invalid_token"' in answer.headers["www-authenticate"]
                assert key not in answer.text


def test_an_upload_without_a_key_is_refused_and_not_stored(
    services: Services, keys: KeyStore
) -> None:
    keys.create("alice")
    with serving(services) as client:
        assert_problem(post(client), 401, "key_required")
    assert list(services.blobs.ages()) == []


def test_keys_can_be_required_before_one_exists(services: Services) -> None:
    with serving(limited(services, require_keys=True)) as client:
        assert_problem(post(client), 401, "key_required")


def test_a_request_to_a_public_address_needs_a_key_whatever_the_settings_say(
    services: Services,
) -> None:
    """This is the case when uvicorn is started by hand with another host."""
    with serving(limited(services, host="0.0.0.0")) as client:
        assert_problem(post(client), 401, "key_required")
