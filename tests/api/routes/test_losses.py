"""The history of a job's losses, over HTTP."""

from __future__ import annotations

import csv
import io

import httpx

from api.deps import Services
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import STYLE, claim, finish
from tests.conftest import some_progress


def test_the_losses_are_json_or_csv(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    path = f"/jobs/{job.id}/losses"
    assert client.get(path).json() == {"items": []}
    services.store.renew(job, progress=some_progress(1, 4))
    services.store.renew(job, progress=some_progress(2, 4))
    items = client.get(path).json()["items"]
    assert [item["step"] for item in items] == [1, 2]
    answer = client.get(path, params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [{name: float(value) for name, value in row.items()} for row in rows] == items
    finish(services, job, STYLE)
    assert len(client.get(path).json()["items"]) >= 2


def test_the_losses_of_another_caller_are_not_found(
    client: httpx.Client, services: Services
) -> None:
    job = claim(services, client)
    services.store._redis.hset(f"easel:job:{job.id}", "owner", "another caller")
    assert_problem(client.get(f"/jobs/{job.id}/losses"), 404, "job_not_found")
