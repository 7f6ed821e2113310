"""What HTTP expects of every call: methods, ids, and pages of other origins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.runtime import logs
from core.settings.model import Settings
from tests.api.conftest import serving
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import STYLE, claim, files, finish, post

PAGE = "https://shop.example"


def test_head_is_get_without_the_body(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    finish(services, job, STYLE)
    for path in ("/healthz", "/jobs", f"/jobs/{job.id}", f"/jobs/{job.id}/result", "/openapi.json"):
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == whole.headers.get(name), (path, name)
    assert client.head("/nowhere").status_code == 404
    assert client.head(f"/jobs/{job.id}/cancel").status_code == 405


def test_options_and_405_say_what_is_allowed(client: httpx.Client) -> None:
    job = "/jobs/01a202d6-98c4-775e-952b-a081813c8da6"
    for path, allowed in (
        ("/jobs", "GET, HEAD, POST, OPTIONS"),
        (job, "GET, HEAD, DELETE, OPTIONS"),
        (f"{job}/cancel", "POST, OPTIONS"),
        (f"{job}/result", "GET, HEAD, OPTIONS"),
    ):
        answer = client.options(path)
        assert (answer.status_code, answer.headers["allow"]) == (204, allowed), path
        refused = client.patch(path)
        problem = assert_problem(refused, 405, "method_not_allowed")
        assert refused.headers["allow"] == allowed
        assert allowed in problem["detail"]
    assert_problem(client.options("/nowhere"), 404, "not_found")


def test_a_request_id_comes_back_and_goes_into_the_record(
    client: httpx.Client, services: Services
) -> None:
    headers = {"X-Request-ID": "order-42/a"}
    answer = client.post("/jobs", files=files(), headers=headers)
    assert answer.headers["x-request-id"] == "order-42/a"
    assert services.store.get(answer.json()["id"]).request_id == "order-42/a"
    refused = client.get("/nowhere", headers=headers)
    assert refused.headers["x-request-id"] == "order-42/a"


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, '{"a":1}', "é"])
def test_a_request_without_a_good_id_gets_one(client: httpx.Client, given: str | None) -> None:
    headers = [] if given is None else [(b"X-Request-ID", given.encode())]
    ids = {client.get("/healthz", headers=headers).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert given not in ids


def test_the_request_id_is_in_the_log_lines_of_the_request(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(logs._add_context)
    with caplog.at_level("INFO"):
        job = client.post("/jobs", files=files(), headers={"X-Request-ID": "r-1"}).json()
    caplog.handler.removeFilter(logs._add_context)
    (accepted,) = [each for each in caplog.records if each.getMessage() == "job accepted"]
    assert (vars(accepted)["request_id"], vars(accepted)["job_id"]) == ("r-1", job["id"])


@pytest.fixture
def open_to_a_page(services: Services) -> Iterator[httpx.Client]:
    settings = services.settings.model_copy(update={"cors_origins": (PAGE,)})
    with serving(replace(services, settings=settings)) as client:
        yield client


def preflight(client: httpx.Client, origin: str, method: str = "POST") -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "idempotency-key, authorization",
    }
    return client.options("/jobs", headers=headers)


def test_pages_of_named_origins_may_call_and_others_may_not(open_to_a_page: httpx.Client) -> None:
    allowed = preflight(open_to_a_page, PAGE)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, PAGE)
    assert "idempotency-key" in allowed.headers["access-control-allow-headers"].lower()
    assert (
        "access-control-allow-origin"
        not in preflight(open_to_a_page, "https://evil.example").headers
    )
    # Refusals too can be read by the page, and what a client needs of the headers.
    for answer in (
        open_to_a_page.post("/jobs", files=files(), headers={"Origin": PAGE}),
        open_to_a_page.get("/jobs/x", headers={"Origin": PAGE}),
    ):
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert {"Location", "Retry-After", "X-Request-ID"} <= set(
            answer.headers["access-control-expose-headers"].split(", ")
        )


def test_a_page_can_read_an_unexpected_error_too(
    open_to_a_page: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, open_to_a_page)
    redis.hset(f"easel:job:{job.id}", "created_at", "yesterday")
    answer = open_to_a_page.get(f"/jobs/{job.id}", headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (500, PAGE)


def test_head_is_counted_under_its_route(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    assert client.head(f"/jobs/{job.id}").status_code == 200
    assert client.head(f"/jobs/{job.id}/events").status_code == 200
    counted = client.get("/metrics").text
    assert 'method="HEAD",route="/jobs/{job_id}",status="200"} 1' in counted
    assert 'method="HEAD",route="/jobs/{job_id}/events",status="200"} 1' in counted


def test_the_type_of_a_body_may_be_written_in_capitals(client: httpx.Client) -> None:
    posted = client.build_request("POST", "/jobs", files=files())
    kind = posted.headers["content-type"].replace("multipart/form-data", "Multipart/Form-Data")
    posted.headers["content-type"] = kind
    assert client.send(posted).status_code == 202


def test_without_the_setting_no_other_origin_is_let_in(client: httpx.Client) -> None:
    assert "access-control-allow-origin" not in preflight(client, PAGE).headers
    answer = client.get("/jobs", headers={"Origin": PAGE})
    assert "access-control-allow-origin" not in answer.headers


def test_origins_are_checked_when_the_api_starts() -> None:
    assert Settings(cors_origins="https://a.example, http://localhost:3000").cors_origins == (
        "https://a.example",
        "http://localhost:3000",
    )
    assert Settings(cors_origins="*").cors_origins == ("*",)
    for bad in ("a.example", "https://a.example/", "https://*.example"):
        with pytest.raises(ValueError, match="is no origin"):
            Settings(cors_origins=bad)


def test_the_presets_are_what_a_job_gets(client: httpx.Client) -> None:
    offer = client.get("/presets").json()
    assert offer["default"] == "balanced"
    assert [preset["name"] for preset in offer["presets"]] == [
        "fast", "balanced", "fine", "gatys2015",
    ]  # fmt: skip
    for preset in offer["presets"]:
        assert post(client, preset=preset["name"]).json()["params"] == preset["params"]
    assert offer["limits"]["max_size"] == 1024
    assert offer["parameters"]["size"]["minimum"] == 64
    assert offer["parameters"]["optimizer"]["enum"] == ["adam", "lbfgs"]


def test_the_version_says_what_answers(client: httpx.Client) -> None:
    from importlib.metadata import version

    answer = client.get("/version").json()
    assert (answer["version"], answer["workers"]) == (version("easel"), 0)
    assert "vgg19-normalized" in answer["networks"]


def test_an_unexpected_error_is_an_answer_like_any_other(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, client)
    redis.hset(f"easel:job:{job.id}", "created_at", "yesterday")
    answer = client.get(f"/jobs/{job.id}", headers={"X-Request-ID": "order-43"})
    assert_problem(answer, 500, "internal_error")
    assert answer.headers["x-request-id"] == "order-43"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "yesterday" not in answer.text
    counted = httpx.get(f"{client.base_url}/metrics").text  # uvicorn has closed the connection
    assert 'route="/jobs/{job_id}",status="500"} 1' in counted
