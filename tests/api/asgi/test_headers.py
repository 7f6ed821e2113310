"""Request IDs and security headers of every response."""

from __future__ import annotations

import base64
import re
from hashlib import sha256

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.job import Job
from core.runtime import logs
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import STYLE, claim, files, finish


def test_a_request_id_is_returned_and_stored_in_the_job_record(
    client: httpx.Client, services: Services
) -> None:
    headers = {"X-Request-ID": "order-42/a"}
    answer = client.post("/jobs", files=files(), headers=headers)
    assert answer.headers["x-request-id"] == "order-42/a"
    assert services.store.get(answer.json()["id"]).request_id == "order-42/a"
    refused = client.get("/nowhere", headers=headers)
    assert refused.headers["x-request-id"] == "order-42/a"


@pytest.mark.parametrize("sent", [None, "", "a b", "x" * 129, '{"a":1}', "é"])
def test_a_request_without_a_valid_id_gets_a_new_one(
    client: httpx.Client, sent: str | None
) -> None:
    headers = [] if sent is None else [(b"X-Request-ID", sent.encode())]
    ids = {client.get("/healthz", headers=headers).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert sent not in ids


def test_log_lines_contain_the_request_id(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(logs._add_context)
    with caplog.at_level("INFO"):
        job = client.post("/jobs", files=files(), headers={"X-Request-ID": "r-1"}).json()
    caplog.handler.removeFilter(logs._add_context)
    (accepted,) = [each for each in caplog.records if each.getMessage() == "job accepted"]
    assert (vars(accepted)["request_id"], vars(accepted)["job_id"]) == ("r-1", job["id"])


def test_an_unexpected_error_is_a_problem_document_with_all_headers(
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


def test_every_response_has_the_security_headers(client: httpx.Client, services: Services) -> None:
    job: Job = claim(services, client)
    finish(services, job, STYLE)
    for path in (f"/jobs/{job.id}/result", f"/jobs/{job.id}", "/jobs/none", "/nowhere", "/healthz"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'; frame-ancestors 'none'" in headers["content-security-policy"]


def test_the_api_reference_runs_only_its_own_script(client: httpx.Client) -> None:
    answer = client.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    sources = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(sources) == 3
    for source in sources:
        assert client.get(f"/{source}").status_code == 200, source
