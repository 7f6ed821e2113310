"""A caller sees its own jobs, and no sign of anybody else's."""

from __future__ import annotations

import httpx
from redis import Redis

from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import post

NOBODYS = "01a202d6-98c4-775e-952b-a081813c8da6"


def test_the_job_of_somebody_else_is_not_there_whatever_is_asked(
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
            client.request(method, path.replace("{job_id}", each)) for each in (job_id, NOBODYS)
        ]
        theirs, missing = (assert_problem(each, 404, "job_not_found") for each in answers)
        assert theirs["detail"].replace(job_id, NOBODYS) == missing["detail"], path
    assert redis.hgetall(f"easel:job:{job_id}") == record
