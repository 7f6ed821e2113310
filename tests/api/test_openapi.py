"""The OpenAPI schema matches the API: schemathesis tests a running service with all checks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from redis import Redis

from api.answers.schemas import JobView, Problem
from api.deps import Services
from api.examples import EXAMPLES
from api.intake.admission import Estimate
from api.routes.links import SignedLinks
from api.routes.listing import JobPage
from api.routes.version import Version
from core.errors import JobNotFound
from core.jobs.job import ANONYMOUS
from core.jobs.status import JobStatus
from core.jobs.workers import WorkerInfo
from core.runtime.ticker import Ticker
from core.store.api_keys import KeyStore
from core.webhooks.webhook import WebhookEvent
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.routes.test_jobs import claim, files, finish

ROOT = Path(__file__).parent.parent.parent

#: A schema cannot express that a mask has the size of its picture, that there are as many weights
#: as styles, which job can be continued, which revision a job has, or which idempotency key was
#: used. Data that fits the schema may therefore be refused, also for a second key. Data beyond the
#: schema may be accepted: null and blank values count as not given.
CONFIG = """
[[operations]]
include-operation-id = "create_job"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 404, 409, 410, 422]
checks.negative_data_rejection.expected-statuses = ["2xx", "4xx", "5xx"]

[[operations]]
include-operation-id = "create_batch"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 422]
checks.negative_data_rejection.expected-statuses = ["2xx", "4xx", "5xx"]

[[operations]]
include-operation-id = "edit_job"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 404, 409, 412, 422]
checks.negative_data_rejection.expected-statuses = ["4xx", "5xx"]

[[operations]]
include-operation-id = "retry_job"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 404, 409, 422]
"""


WORKER = WorkerInfo(id="a", device="cpu", networks=(), memory_total_bytes=2**40)


def end_all(services: Services, caller: str) -> None:
    """Announce a worker and cancel the caller's jobs, so that no request waits for a job."""
    services.workers.announce(WORKER)
    for status in (JobStatus.QUEUED, JobStatus.RUNNING):
        for record, _ in services.store.listing.page(caller, [status]).jobs:
            with suppress(JobNotFound):
                services.store.cancel(record["id"])


def test_every_route_has_a_description_and_every_example_is_valid(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    models: dict[str, type[BaseModel]] = {
        "JobView": JobView, "JobPage": JobPage, "Estimate": Estimate, "SignedLinks": SignedLinks,
        "Version": Version,
    }  # fmt: skip
    assert set(models) == set(EXAMPLES)
    for name, model in models.items():
        model.model_validate(EXAMPLES[name])
        assert EXAMPLES[name].keys() == schema["components"]["schemas"][name]["properties"].keys()
    operations = [each for path in schema["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names)
    assert {"create_job", "get_job", "list_jobs", "cancel_job", "delete_job"} <= set(names)
    for operation in operations:
        name = operation["operationId"]
        assert operation["description"], name
        assert operation["tags"], name
        summary = operation["summary"]
        assert summary[0].isupper(), name
        assert not summary.istitle(), f"the summary of {name} was generated"
        assert "_" in name, f"{name} is a generated operation ID"
        assert "__" not in name, name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (name, parameter["name"])
        for status, answer in operation["responses"].items():
            assert answer["description"] not in ("", "Successful Response"), (name, status)
            assert "X-Request-ID" in answer["headers"], (name, status)
            if status[0] in "45" and "application/problem+json" in answer.get("content", {}):
                problem = answer["content"]["application/problem+json"]["example"]
                assert Problem.model_validate(problem).status == int(status)


def test_every_body_has_an_example_that_fits_its_schema(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    bodies = [
        (operation["operationId"], body)
        for path in schema["paths"].values()
        for operation in path.values()
        for body in operation.get("requestBody", {}).get("content", {}).values()
    ]
    assert len(bodies) == 6
    for name, body in bodies:
        assert body["example"], name
        whole = {**body["schema"], "components": schema["components"]}
        Draft202012Validator(whole).validate(body["example"])


def test_llms_txt_names_operations_and_pages_that_exist(client: httpx.Client) -> None:
    answer = client.get("/llms.txt")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    paths = client.get("/openapi.json").json()["paths"]
    called = re.findall(r"`(GET|POST|PATCH) (/[^`]*)`", answer.text)
    assert ("POST", "/jobs") in called
    for method, path in called:
        prefix, _, rest = path.partition("/ID")
        route = f"{prefix}/{{job_id}}{rest}" if "/ID" in path else path
        assert method.lower() in paths[route], (method, path)
    linked = re.findall(r"\]\((/[^)]*)\)", answer.text)
    assert len(linked) == 3
    assert all(client.get(path).is_success for path in linked)


def requires_key(client: httpx.Client) -> bool:
    """Return whether all operations on jobs require a key; otherwise they all accept one."""
    paths = client.get("/openapi.json").json()["paths"]
    keys: list[dict[str, list[str]]] = [{"HTTPBearer": []}, {"APIKeyHeader": []}]
    security = [
        operation["security"]
        for path, operations in paths.items()
        for operation in operations.values()
        if path.startswith("/jobs")
    ]
    required = bool(security[0] == keys)
    assert all(each == (keys if required else [{}, *keys]) for each in security)
    return required


def test_a_key_is_required_in_the_schema_when_it_is_required(
    services: Services, redis: Redis
) -> None:
    with serving(services) as client:
        assert client.get("/jobs").status_code == 200
        assert not requires_key(client)
        KeyStore(redis).create("alice")
        services.keyring.refresh()
        assert client.get("/jobs").status_code == 401
        assert requires_key(client)
    with serving(limited(services, allow_anonymous=True)) as client:
        assert client.get("/jobs").status_code == 200
        assert not requires_key(client)


def test_a_key_is_required_in_the_schema_when_the_settings_require_it(services: Services) -> None:
    with serving(limited(services, require_keys=True)) as client:
        assert client.get("/jobs").status_code == 401
        assert requires_key(client)


def test_the_requests_to_a_webhook_are_described(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()["webhooks"]
    assert set(described) == {event.value for event in WebhookEvent}
    for name, event in described.items():
        body = event["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert body["properties"]["type"] == {"const": name}
        view = "BatchView" if name.startswith("batch.") else "JobView"
        assert body["properties"]["data"] == {"$ref": f"#/components/schemas/{view}"}
        headers = {each["name"] for each in event["post"]["parameters"]}
        assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}


def test_every_header_of_a_response_is_described(client: httpx.Client, services: Services) -> None:
    described = client.get("/openapi.json").json()["paths"]
    usual = {*client.get("/jobs").headers, "transfer-encoding", "x-accel-buffering"}
    job = claim(services, client)
    finish(services, job, b"a picture")
    url = f"/jobs/{job.id}"
    tag = {"If-None-Match": client.get(url).headers["etag"]}
    word = {"Idempotency-Key": "a key", "Prefer": "wait=1"}
    responses = [
        ("/jobs", "post", client.post("/jobs", files=files(), headers=word)),
        ("/jobs", "post", client.post("/jobs", files=files(), headers=word)),
        ("/jobs", "post", client.post("/jobs")),
        ("/jobs/{job_id}", "get", client.get(url)),
        ("/jobs/{job_id}", "get", client.get(url, headers=tag)),
        ("/jobs/{job_id}", "get", client.get("/jobs/x", headers={"X-API-Key": "none"})),
        ("/jobs/{job_id}/cancel", "post", client.post(f"{url}/cancel")),
        ("/jobs/{job_id}/result", "get", client.get(f"{url}/result")),
        ("/jobs/{job_id}/preview", "get", client.get(f"{url}/preview")),
        ("/jobs/{job_id}/events", "get", client.get(f"{url}/events")),
        ("/jobs/{job_id}/links", "get", client.get(f"{url}/links")),
        ("/webhooks/secret", "get", client.get("/webhooks/secret")),
        ("/readyz", "get", client.get("/readyz")),
    ]
    seen = set()
    for path, method, answer in responses:
        operation = described[path][method]
        headers = operation["responses"][str(answer.status_code)].get("headers", {})
        known = usual | {name.lower() for name in headers}
        assert set(answer.headers) <= known, (path, answer.status_code)
        seen.add((path, answer.status_code))
    assert {("/jobs", 202), ("/jobs/{job_id}", 304), ("/jobs/{job_id}", 401)} <= seen


@pytest.mark.parametrize(("keyless", "examples"), [(False, 6), (True, 1)])
def test_schemathesis_finds_no_difference(
    services: Services, redis: Redis, tmp_path: Path, keyless: bool, examples: int
) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    caller, headers = ANONYMOUS, []
    if not keyless:
        caller = "fuzzer"
        headers = ["--header", f"Authorization: Bearer {KeyStore(redis).create(caller)[1]}"]
    no_limits = dict.fromkeys(
        ("max_queue", "max_jobs_per_caller", "max_requests_per_minute"), 10**6
    )
    ticker = Ticker("end jobs", 0.05, lambda: end_all(services, caller), str)
    ticker.start()
    hooks = {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks"}
    with serving(limited(services, **no_limits)) as client:
        run = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", str(tmp_path / "schemathesis.toml")),
                *("run", str(client.base_url.join("/openapi.json"))),
                *headers,
                *("--checks", "all", "--max-examples", str(examples), "--seed", "1", "--no-color"),
                *("--generation-database", "none", "--workers", "1"),
                *(("--phases", "examples,fuzzing,stateful") if keyless else ()),
            ],
            env={**os.environ, **hooks},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    ticker.stop()
    ticker.join(60)
    assert run.returncode == 0, run.stdout + run.stderr
