"""Drafts over the API: posted small, at rest, changed, kept, and taken up by a job."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.job import Job
from core.queue.app import JOB_QUEUES
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import files, masks, post
from tests.conftest import some_progress


def resting(client: httpx.Client, services: Services, **fields: Any) -> Job:
    job = services.store.claim(post(client, draft="true", **fields).json()["id"])
    assert job is not None
    services.store.end_painting(job, some_progress())
    return job


def messages(redis: Redis) -> int:
    lengths: list[int] = [redis.llen(name) for name in JOB_QUEUES]
    return sum(lengths)


def test_a_draft_is_small_and_has_few_steps(client: httpx.Client) -> None:
    document = post(client, draft="on", size=1024, steps=2000, strength=0.7).json()
    assert document["draft"] is True
    params = document["params"]
    assert (params["size"], params["steps"], params["strength"]) == (192, 300, 0.7)
    assert post(client, size=1024).json()["draft"] is False
    assert post(client, draft="true", size=128).json()["params"]["size"] == 128


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_seconds", "9"),
        ("edits", "[]"),
        ("webhook_url", "https://example.com/hook"),
    ],
)
def test_a_draft_has_no_time_limit_edits_or_webhook(
    client: httpx.Client, field: str, value: str
) -> None:
    problem = assert_problem(
        post(client, None, draft="true", **{field: value}), 422, "invalid_request"
    )
    assert field in {each["field"] for each in problem["errors"]}


def test_a_painted_draft_says_that_it_rests_and_starts_again_when_changed(
    client: httpx.Client, services: Services
) -> None:
    job = resting(client, services)
    rests = client.get(f"/jobs/{job.id}").json()
    assert (rests["status"], rests["queue_position"]) == ("queued", None)
    assert rests["waiting"]["reason"] == "resting"
    changed = client.patch(f"/jobs/{job.id}", json={"strength": 0.9, "steps": 1000}).json()
    assert (changed["queue_position"], changed["edits"]) == (0, [])
    assert changed["waiting"]["reason"] == "no_worker"
    again = services.store.claim()
    assert again is not None
    assert (again.id, again.params.strength, again.params.steps) == (job.id, 0.9, 300)


def test_a_change_of_a_running_draft_waits_until_its_worker_takes_it(
    client: httpx.Client, services: Services
) -> None:
    job = services.store.claim(post(client, draft="true").json()["id"])
    assert job is not None
    for strength in (0.8, 0.9):
        client.patch(f"/jobs/{job.id}", json={"strength": strength})
    assert client.get(f"/jobs/{job.id}").json()["edits"] == [{"step": None, "params": {}}]
    changed = services.store.end_painting(job)
    assert isinstance(changed, Job)
    assert changed.params.strength == 0.9
    assert client.get(f"/jobs/{job.id}").json()["edits"] == []


def test_only_a_change_of_a_draft_that_rests_wakes_a_worker(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    def messages_after(**changes: float) -> int:
        assert client.patch(f"/jobs/{job.id}", json=changes).status_code == 200
        return messages(redis)

    job = resting(client, services)
    assert messages_after(strength=0.8) == 2  # it was posted with the first one
    assert messages_after(strength=0.9) == 2  # it waits
    services.store.claim(job.id)
    assert messages_after(strength=0.7) == 2  # it runs


def test_a_canceled_draft_that_is_finished_wakes_no_worker(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = resting(client, services)
    client.post(f"/jobs/{job.id}/cancel")
    client.post(f"/jobs/{job.id}/finish")
    assert messages(redis) == 1  # it was posted with it


def test_drafts_are_listed_only_when_asked_for(client: httpx.Client, services: Services) -> None:
    draft = resting(client, services)
    job = post(client).json()["id"]
    assert [each["id"] for each in client.get("/jobs").json()["items"]] == [job]
    listed = client.get("/jobs", params={"drafts": True}).json()["items"]
    assert [each["id"] for each in listed] == [draft.id]


def test_a_finished_draft_is_a_job_like_others(client: httpx.Client, services: Services) -> None:
    job = resting(client, services)
    kept = client.post(f"/jobs/{job.id}/finish").json()
    assert (kept["draft"], kept["status"], kept["queue_position"]) == (False, "queued", 0)
    claimed = services.store.claim()
    assert claimed is not None
    assert (claimed.id, claimed.draft) == (job.id, False)


@pytest.mark.parametrize("ended", [True, False])
def test_a_job_takes_the_pictures_of_a_draft_but_not_its_picture_or_size(
    client: httpx.Client, services: Services, ended: bool
) -> None:
    draft = resting(client, services, uploads=[*files(), *masks(1)], strength=0.7)
    if ended:
        client.post(f"/jobs/{draft.id}/cancel")
    answer = client.post("/jobs", json={"continue_from": draft.id, "steps": 40})
    assert answer.status_code == 202
    document = answer.json()
    assert (document["draft"], document["continued_from"]) == (False, None)
    expected = draft.params.model_dump(mode="json") | {"size": 512, "steps": 40}
    assert document["params"] == expected
    assert services.store.get(document["id"]).inputs == draft.inputs


def test_a_job_has_the_steps_that_its_draft_was_asked_for(
    client: httpx.Client, services: Services
) -> None:
    def steps_of_job() -> int:
        document = client.post("/jobs", json={"continue_from": draft.id}).json()
        return int(document["params"]["steps"])

    draft = resting(client, services, steps=2000)
    assert draft.params.steps == 300
    client.patch(f"/jobs/{draft.id}", json={"strength": 0.9})
    assert steps_of_job() == 2000
    client.patch(f"/jobs/{draft.id}", json={"steps": 1000})
    assert steps_of_job() == 1000
    client.post(f"/jobs/{draft.id}/cancel")
    again = client.post(f"/jobs/{draft.id}/retry").json()["id"]
    assert services.store.get(again).asked_params.steps == 1000
    client.patch(f"/jobs/{again}", json={"steps": 300})
    draft = services.store.get(again)
    assert steps_of_job() == 300


def test_the_pictures_of_a_draft_are_not_kept_for_long(
    client: httpx.Client, services: Services
) -> None:
    assert resting(client, services).retention_seconds == 600


def test_a_retried_draft_is_a_draft(client: httpx.Client, services: Services) -> None:
    draft = resting(client, services)
    client.post(f"/jobs/{draft.id}/cancel")
    assert client.post(f"/jobs/{draft.id}/retry").json()["draft"] is True
