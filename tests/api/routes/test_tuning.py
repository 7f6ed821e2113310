"""Changing the parameters of a job, and finishing it early."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.job import Failure, Metrics, Picture
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import claim, files, masks, post
from tests.conftest import some_progress

FAILURE = Failure(code="internal_error", message="it broke", retryable=True)
RESULT = Picture(sha256="e" * 64, media_type="image/png", size_bytes=5)


def patch(client: httpx.Client, job_id: str, **changes: Any) -> httpx.Response:
    return client.patch(f"/jobs/{job_id}", json=changes)


def test_a_queued_job_is_as_if_it_was_posted_so(client: httpx.Client) -> None:
    job = post(client, strength=0.3).json()
    changed = patch(client, job["id"], strength=0.8, steps=50)
    assert changed.status_code == 200
    document = changed.json()
    assert document["params"] == {**job["params"], "strength": 0.8, "steps": 50}
    assert (document["revision"], document["edits"]) == (1, [])
    assert document == client.get(job["links"]["self"]).json()


def test_a_running_job_records_the_change_until_a_worker_takes_it(
    client: httpx.Client, services: Services
) -> None:
    job = claim(services, client)
    patch(client, job.id, strength=0.8)
    document = patch(client, job.id, tv_weight=2, strength=0.9).json()
    assert (document["revision"], document["params"]["strength"]) == (2, 0.9)
    assert document["edits"] == [
        {"step": 0, "params": {"strength": 0.5, "tv_weight": 0.0}},
        {"step": None, "params": {"strength": 0.9, "tv_weight": 2.0}},
    ]
    services.store.take_edits(job, 7, last=False)
    assert client.get(f"/jobs/{job.id}").json()["edits"][1]["step"] == 7


def test_the_work_of_a_job_follows_its_steps(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    patch(client, job.id, strength=0.8)
    assert services.store.get(job.id).work == job.work
    patch(client, job.id, steps=1000)
    assert (services.store.get(job.id).work or 0) > 2 * (job.work or 0)


@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
def test_a_change_is_a_merge_patch(client: httpx.Client, media_type: str) -> None:
    job = post(client, strength=0.3, style_weight=9).json()
    changed = client.patch(
        job["links"]["self"],
        content=b'{"style_weight": null}',
        headers={"Content-Type": media_type},
    ).json()
    assert changed["params"]["style_weight"] is None


def test_a_change_to_the_same_values_changes_nothing(client: httpx.Client) -> None:
    job = post(client).json()
    assert patch(client, job["id"], strength=0.5).json() == job
    assert patch(client, job["id"]).json() == job


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"size": 128}, "size", "cannot change during a run; what can is strength"),
        ({"seed": 1, "strength": 0.9}, "seed", "cannot change during a run"),
        ({"strenght": 1}, "strenght", "is not a parameter"),
        ({"strength": 7}, "strength", "7 is invalid: input should be less than or equal to 1"),
        ({"style_blend": [1, 2]}, "style_blend", "has 2 weights"),
        ({"style_scale": 0.1, "steps": 3}, "style", "expected at least 16"),
    ],
)
def test_an_invalid_change_names_the_field(
    client: httpx.Client, services: Services, changes: dict[str, Any], field: str, message: str
) -> None:
    job = services.store.claim(post(client, size=64).json()["id"])
    assert job is not None
    refused = patch(client, job.id, **changes)
    assert_problem(refused, 422, "invalid_request")
    assert refused.json()["errors"][0]["field"] == field
    assert message in refused.json()["errors"][0]["message"]
    assert services.store.get(job.id) == job


def test_with_masks_every_style_keeps_a_weight(client: httpx.Client) -> None:
    uploads = [*files(files()[0][1][1], *[files()[1][1][1]] * 2), *masks(2)]
    job = post(client, uploads).json()
    assert patch(client, job["id"], style_blend="1,2").status_code == 200
    refused = patch(client, job["id"], style_blend="1,0")
    assert "expected only weights above 0" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"strength=1", "application/x-www-form-urlencoded", 415),
        (b'{"a": "' + 20_000 * b"x" + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_is_no_small_json_object_is_refused(
    client: httpx.Client, content: bytes, media_type: str, status: int
) -> None:
    job = post(client).json()
    answer = client.patch(
        job["links"]["self"], content=content, headers={"Content-Type": media_type}
    )
    assert answer.status_code == status


def test_if_match_guards_against_two_editors(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    url = f"/jobs/{job.id}"
    etag = client.get(url).headers["etag"]
    services.store.renew(job, progress=some_progress())  # progress is no edit
    first = client.patch(url, json={"strength": 0.6}, headers={"If-Match": etag})
    assert first.status_code == 200
    assert first.headers["etag"] != etag
    second = client.patch(url, json={"strength": 0.9}, headers={"If-Match": etag})
    assert_problem(second, 412, "job_changed")
    assert "has revision 1 and If-Match names revision 0" in second.json()["detail"]
    assert client.get(url).json()["params"]["strength"] == 0.6
    for tag in ("*", first.headers["etag"]):
        headers = {"If-Match": tag}
        assert client.patch(url, json={"strength": 0.6}, headers=headers).status_code == 200


def test_a_finished_job_cannot_change(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    metrics = Metrics(optimize_seconds=1, device="cpu")
    services.store.succeed(job, RESULT, some_progress(), metrics)
    refused = patch(client, job.id, strength=0.9)
    assert_problem(refused, 409, "job_finished")
    assert "the job is succeeded" in refused.json()["detail"]
    finished = client.post(f"/jobs/{job.id}/finish")
    assert (finished.status_code, finished.json()["status"]) == (200, "succeeded")


def test_a_job_takes_at_most_a_thousand_edits(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, client)
    edits = [{"step": step, "params": {"strength": 0.5}} for step in range(1000)]
    redis.hset(f"easel:job:{job.id}", "edits", json.dumps(edits, separators=(",", ":")))
    assert_problem(patch(client, job.id, strength=0.9), 409, "job_finished")


def test_a_running_job_is_asked_to_finish_once(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    url = f"/jobs/{job.id}/finish"
    first, second = client.post(url), client.post(url)
    assert first.status_code == 200
    assert first.json() == second.json()
    assert first.json()["edits"] == [{"step": None, "params": {}, "finish": True}]
    refused = patch(client, job.id, strength=0.9)
    assert_problem(refused, 409, "job_finished")
    assert "the job is finishing" in refused.json()["detail"]


def test_a_job_without_a_picture_cannot_be_finished(client: httpx.Client) -> None:
    job = post(client).json()
    assert_problem(client.post(job["links"]["finish"]), 409, "job_not_finished")


def test_an_edit_is_an_event_with_the_new_parameters(
    client: httpx.Client, services: Services
) -> None:
    job = claim(services, client)
    patch(client, job.id, strength=0.9)
    services.store.take_edits(job, 4, last=False)
    services.store.renew(job, progress=some_progress())
    services.store.fail(job, FAILURE)
    with client.stream("GET", f"/jobs/{job.id}/events") as stream:
        lines = [line for line in stream.iter_lines() if line.startswith(("event:", "data:"))]
    assert lines[::2] == ["event: queued", "event: started", "event: failed"]
    document = json.loads(lines[-1].removeprefix("data: "))
    assert document["params"]["strength"] == 0.9
    assert document["edits"][1]["step"] == 4


def test_a_client_that_follows_a_job_receives_its_edits(
    client: httpx.Client, services: Services
) -> None:
    job = claim(services, client)
    with client.stream("GET", f"/jobs/{job.id}/events") as stream:
        lines = (line for line in stream.iter_lines() if line.startswith(("event:", "data:")))
        assert [next(lines), next(lines)[:5], next(lines)] == [
            *("event: queued", "data:", "event: started")
        ]
        next(lines)
        patch(client, job.id, strength=0.9)
        assert next(lines) == "event: edited"
        document = json.loads(next(lines).removeprefix("data: "))
        assert (document["params"]["strength"], document["revision"]) == (0.9, 1)
        services.store.renew(job, progress=some_progress())
        assert next(lines) == "event: progress"
        document = json.loads(next(lines).removeprefix("data: "))
        assert (document["params"]["strength"], document["revision"]) == (0.9, 1)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_job_may_be_posted_with_edits(client: httpx.Client, as_json: bool) -> None:
    edits = [{"step": 4, "params": {"strength": "0.9"}}]
    if as_json:
        pictures = {name: b64encode(each).decode() for name, (_, each) in files()}
        answer = client.post("/jobs", json={**pictures, "edits": edits})
    else:
        answer = post(client, edits=json.dumps(edits))
    assert answer.status_code == 202
    document = answer.json()
    assert document["params"]["strength"] == 0.9
    assert document["edits"] == [
        {"step": 0, "params": {"strength": 0.5}},
        {"step": 4, "params": {"strength": 0.9}},
    ]


def test_posted_edits_are_checked_with_the_pictures(client: httpx.Client) -> None:
    edits = [{"step": 4, "params": {"style_scale": 0.1}}, {"step": 5, "params": {"style_scale": 2}}]
    refused = post(client, size=64, edits=json.dumps(edits))
    assert_problem(refused, 422, "invalid_request")
    assert "style: would be" in refused.json()["detail"]
