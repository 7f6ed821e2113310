"""HEAD and OPTIONS for every route."""

from __future__ import annotations

import httpx

from api.deps import Services
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import STYLE, claim, finish


def test_head_returns_the_headers_of_get_without_a_body(
    client: httpx.Client, services: Services
) -> None:
    job = claim(services, client)
    finish(services, job, STYLE)
    for path in ("/healthz", "/jobs", f"/jobs/{job.id}", f"/jobs/{job.id}/result", "/openapi.json"):
        get, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == get.headers.get(name), (path, name)
    assert client.head("/nowhere").status_code == 404
    assert client.head(f"/jobs/{job.id}/cancel").status_code == 405


def test_options_and_a_405_list_the_allowed_methods(client: httpx.Client) -> None:
    job = "/jobs/01a202d6-98c4-775e-952b-a081813c8da6"
    for path, allowed in (
        ("/jobs", "GET, HEAD, POST, OPTIONS"),
        (job, "GET, HEAD, PATCH, DELETE, OPTIONS"),
        (f"{job}/cancel", "POST, OPTIONS"),
        (f"{job}/result", "GET, HEAD, OPTIONS"),
    ):
        answer = client.options(path)
        assert (answer.status_code, answer.headers["allow"]) == (204, allowed), path
        refused = client.put(path)
        problem = assert_problem(refused, 405, "method_not_allowed")
        assert refused.headers["allow"] == allowed
        assert allowed in problem["detail"]
    assert_problem(client.options("/nowhere"), 404, "not_found")


def test_the_metrics_count_head_under_its_route(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    assert client.head(f"/jobs/{job.id}").status_code == 200
    assert client.head(f"/jobs/{job.id}/events").status_code == 200
    counted = client.get("/metrics").text
    assert 'method="HEAD",route="/jobs/{job_id}",status="200"} 1' in counted
    assert 'method="HEAD",route="/jobs/{job_id}/events",status="200"} 1' in counted
