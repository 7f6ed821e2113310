"""Batches over real HTTP: created whole, watched, canceled and deleted together."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from io import BytesIO
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import httpx
import pytest
from httpx_sse import EventSource
from redis import Redis

from api.answers.batch_json import BatchView
from api.deps import Services
from api.webhooks.client import body_of
from core.jobs.job import Failure, Metrics, Picture, new_job_id
from core.queue.app import Messages
from core.store.api_keys import KeyStore
from core.store.webhooks.outbox import Outbox
from core.webhooks.addresses import AddressGuard
from core.webhooks.webhook import WebhookEvent
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited, stored
from tests.api.problems import assert_problem
from tests.api.webhooks.test_webhooks import replaced
from tests.conftest import photo, png, some_progress

PHOTOS = [png(photo(48, 64, seed=seed)) for seed in range(3)]
PAINTINGS = [png(photo(64, 48, seed=seed)) for seed in (7, 8)]


def files(photos: int = 3, paintings: int = 2) -> list[tuple[str, tuple[str, bytes]]]:
    return [
        *(("content", (f"photo{i}.png", PHOTOS[i])) for i in range(photos)),
        *(("style", (f"art{i}.png", PAINTINGS[i])) for i in range(paintings)),
    ]


def post(
    client: httpx.Client, photos: int = 3, paintings: int = 2, key: str = "", **fields: Any
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/batches", files=files(photos, paintings), data=fields, headers=headers)


def created(
    client: httpx.Client, photos: int = 3, paintings: int = 2, **fields: Any
) -> dict[str, Any]:
    answer = post(client, photos, paintings, **fields)
    assert answer.status_code == 202, answer.text
    batch: dict[str, Any] = answer.json()
    assert BatchView.model_validate(batch).model_dump(mode="json", by_alias=True) == batch
    return batch


def read(client: httpx.Client, batch: dict[str, Any], **query: Any) -> dict[str, Any]:
    answer = client.get(batch["links"]["self"], params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def counts(**expected: int) -> dict[str, int]:
    none = dict.fromkeys(("queued", "running", "succeeded", "failed", "canceled"), 0)
    return {**none, **expected}


def succeed(services: Services, data: bytes = PHOTOS[0]) -> str:
    """Let a worker finish the next job, and return its id."""
    job = services.store.claim()
    assert job is not None
    picture = Picture(sha256=services.blobs.put(data), media_type="image/png", size_bytes=len(data))
    metrics = Metrics(optimize_seconds=1, device="cpu")
    services.store.succeed(job, picture, some_progress(), metrics)
    return job.id


def fail(services: Services) -> str:
    job = services.store.claim()
    assert job is not None
    services.store.fail(job, Failure(code="out_of_memory", message="x", retryable=False))
    return job.id


def test_a_grid_has_a_job_for_each_photograph_with_each_painting(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    answer = post(client, size=64, strength=0.7)
    batch = answer.json()
    assert answer.headers["location"] == batch["links"]["self"] == f"/batches/{batch['id']}"
    assert (batch["mode"], batch["done"], batch["counts"]) == ("grid", False, counts(queued=6))
    names = [job["name"] for job in batch["jobs"]]
    assert names == [f"photo{i}-art{j}" for i in range(3) for j in range(2)]
    pictures = [
        (services.blobs.get(job.inputs.content.sha256), services.blobs.get(style.sha256))
        for each in batch["jobs"]
        for job in [services.store.get(each["id"])]
        for style in job.inputs.styles
    ]
    assert pictures == [(content, style) for content in PHOTOS for style in PAINTINGS]
    assert Messages(redis).job_ids() == {job["id"] for job in batch["jobs"]}
    member = client.get(batch["jobs"][0]["link"]).json()
    assert (member["batch"], member["params"]["strength"]) == (batch["id"], 0.7)
    assert read(client, batch) == batch


@pytest.mark.parametrize(("mode", "jobs", "styles"), [("pairs", 2, 1), ("blend", 3, 2)])
def test_the_mode_says_how_pictures_are_combined(
    client: httpx.Client, services: Services, mode: str, jobs: int, styles: int
) -> None:
    batch = created(client, 2 if mode == "pairs" else 3, 2, mode=mode)
    members = [services.store.get(job["id"]) for job in batch["jobs"]]
    assert [len(job.inputs.styles) for job in members] == [styles] * jobs
    assert [job["name"] for job in batch["jobs"]] == [f"photo{i}" for i in range(jobs)]


def test_a_batch_may_be_sent_as_json(client: httpx.Client) -> None:
    content, style = (base64.b64encode(each).decode() for each in (PHOTOS[0], PAINTINGS[0]))
    answer = client.post("/batches", json={"content": [content, content], "style": style})
    assert [job["name"] for job in answer.json()["jobs"]] == ["content-1", "content-2"]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"mode": "all"}, "mode", "'all' is invalid; expected grid, pairs, blend"),
        ({"mode": "pairs"}, "style", "as many paintings as content pictures, 3; got 2"),
        ({"size": 1}, "size", "greater than or equal to 64"),
        ({"continue_from": new_job_id()}, "continue_from", "is not a field of a batch"),
        ({"webhook_events": "job.failed"}, "webhook_events", "is not a field of a batch"),
        ({"sise": 64}, "sise", "did you mean 'size'?"),
        ({"style_blend": "1,2"}, "style_blend", "2"),
        ({"priority": "high"}, "priority", "requires an API key"),
    ],
)
def test_an_invalid_batch_is_refused_whole(
    client: httpx.Client,
    services: Services,
    redis: Redis,
    fields: dict[str, Any],
    field: str,
    reason: str,
) -> None:
    problem = assert_problem(post(client, **fields), 422, "invalid_request")
    (error,) = problem["errors"]
    assert error["field"] == field
    assert reason in error["message"]
    assert (redis.keys("easel:job:*"), redis.keys("easel:batch*"), stored(services)) == ([], [], 0)


def test_an_error_names_the_picture(client: httpx.Client) -> None:
    sent = [*files(2, 1), ("content", ("notes.txt", b"no picture"))]
    problem = assert_problem(client.post("/batches", files=sent), 422)
    assert [error["field"] for error in problem["errors"]] == ["content[2]"]


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [
        ({"max_jobs_per_caller": 5}, 422, "invalid_request"),
        ({"max_queue": 5}, 422, "invalid_request"),
        ({"max_stored_bytes_per_caller": 50_000}, 507, "storage_quota_exceeded"),
    ],
)
def test_a_batch_for_which_there_is_no_room_leaves_nothing(
    services: Services, redis: Redis, limits: dict[str, int], status: int, code: str
) -> None:
    with serving(limited(services, **limits)) as client:
        assert_problem(post(client), status, code)
        assert (redis.keys("easel:job:*"), stored(services)) == ([], 0)
        created(client, 1, 1)  # a smaller one has room


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [({"max_jobs_per_caller": 6}, 429, "too_many_jobs"), ({"max_queue": 6}, 503, "queue_full")],
)
def test_a_batch_that_fits_once_other_jobs_have_ended_may_be_sent_again(
    services: Services, limits: dict[str, int], status: int, code: str
) -> None:
    with serving(limited(services, **limits)) as client:
        earlier = created(client, 1, 1)
        refused = post(client)
        assert_problem(refused, status, code)
        assert "retry-after" in refused.headers
        client.delete(earlier["links"]["self"])
        created(client, 3, 2)


def test_the_same_key_returns_the_same_batch(client: httpx.Client) -> None:
    first, again = post(client, key="a"), post(client, key="a")
    assert first.json() == again.json()
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (
        None,
        "true",
    )
    assert_problem(post(client, key="a", size=64), 422, "idempotency_key_reused")
    job = {"content": PHOTOS[0], "style": PAINTINGS[0]}
    answer = client.post("/jobs", files=job, headers={"Idempotency-Key": "a"})
    assert_problem(answer, 422, "idempotency_key_reused")
    client.delete(first.json()["links"]["self"])
    assert post(client, key="a").json()["id"] != first.json()["id"]


def test_counts_follow_the_jobs_and_the_last_one_finishes_the_batch(
    client: httpx.Client, services: Services
) -> None:
    batch = created(client, 3, 1)
    succeed(services)
    fail(services)
    assert read(client, batch)["counts"] == counts(queued=1, succeeded=1, failed=1)
    job = services.store.claim()
    assert job is not None
    assert read(client, batch)["counts"] == counts(running=1, succeeded=1, failed=1)
    services.store.hand_back(job)
    succeed(services)
    ended = read(client, batch)
    assert (ended["done"], ended["counts"]) == (True, counts(succeeded=2, failed=1))
    last = client.get(ended["jobs"][2]["link"]).json()
    assert (ended["finished_at"], ended["expires_at"]) == (last["finished_at"], last["expires_at"])


def test_a_long_poll_responds_when_the_batch_has_ended(
    client: httpx.Client, services: Services
) -> None:
    batch = created(client, 1, 1)
    assert not read(client, batch, wait=0.01)["done"]
    with client.stream("GET", batch["links"]["events"]) as answer:
        events = EventSource(answer).iter_sse()
        next(events)  # the API follows the events
        succeed(services)
    assert read(client, batch, wait=60)["done"]


def test_a_batch_can_be_followed(client: httpx.Client, services: Services) -> None:
    batch = created(client, 2, 1)
    with client.stream("GET", batch["links"]["events"], timeout=60) as answer:
        events = EventSource(answer).iter_sse()
        first = next(events)
        assert (first.event, json.loads(first.data)) == ("changed", batch)
        succeed(services)
        changed = next(event for event in events if '"succeeded":1' in event.data)
        assert changed.event == "changed"
        fail(services)
        *_, last = events
    assert last.event == "finished"
    assert json.loads(last.data) == read(client, batch)
    seen = {"Last-Event-ID": last.id}
    assert client.get(batch["links"]["events"], headers=seen).status_code == 204
    again = client.get(batch["links"]["events"], headers={"Last-Event-ID": first.id})
    assert again.text.count("event: finished") == 1


def test_canceling_a_batch_keeps_the_results_that_are_there(
    client: httpx.Client, services: Services
) -> None:
    batch = created(client, 3, 1)
    succeed(services)
    job = services.store.claim()
    assert job is not None
    canceled = client.post(batch["links"]["cancel"]).json()
    assert canceled["counts"] == counts(running=1, succeeded=1, canceled=1)
    services.store.confirm_cancel(job)
    ended = client.post(batch["links"]["cancel"]).json()
    assert (ended["done"], ended["counts"]) == (True, counts(succeeded=1, canceled=2))


def test_deleting_a_batch_deletes_its_jobs_and_their_files(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    batch = created(client, 2, 2, webhook_url="https://8.8.8.8/easel")
    succeed(services)
    fail(services)
    assert client.delete(batch["links"]["self"]).status_code == 204
    assert_problem(client.get(batch["links"]["self"]), 404, "batch_not_found")
    assert_problem(client.get(batch["jobs"][0]["link"]), 404, "job_not_found")
    assert stored(services) == 0
    of_jobs = ("easel:job:", "easel:batch", "easel:events:", "easel:owned:", "easel:unfinished:")
    left = [str(key) for key in redis.keys("easel:*")]
    assert not [key for key in left if key.startswith(of_jobs)]
    assert redis.zcard("easel:jobs:queued") == 0


def test_the_last_job_that_is_deleted_finishes_the_batch(
    client: httpx.Client, services: Services
) -> None:
    batch = created(client, 2, 1)
    first, second = batch["jobs"]
    assert client.delete(second["link"]).status_code == 204
    left = read(client, batch)
    assert (left["done"], left["jobs"]) == (False, [first])
    client.delete(first["link"])
    assert (read(client, batch)["done"], read(client, batch)["jobs"]) == (True, [])


def test_the_results_are_one_archive(client: httpx.Client, services: Services) -> None:
    batch = created(client, 3, 1)
    problem = assert_problem(client.get(batch["links"]["result"]), 409, "batch_not_finished")
    assert f"poll /batches/{batch['id']}" in problem["detail"]
    results = [bytes([i]) * 100_000 for i in (1, 2)]
    succeed(services, results[0])
    fail(services)
    succeed(services, results[1])
    answer = client.get(batch["links"]["result"])
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["photo0.png", "photo2.png", "batch.json"]
        assert [archive.read(name) for name in archive.namelist()[:2]] == results
        assert {each.compress_type for each in archive.infolist()} == {ZIP_STORED}
        assert json.loads(archive.read("batch.json")) == read(client, batch)


def test_an_archive_without_results_is_an_error(client: httpx.Client, services: Services) -> None:
    batch = created(client, 1, 1)
    fail(services)
    assert_problem(client.get(batch["links"]["result"]), 409, "job_failed")
    other = created(client, 1, 1)
    digest = services.store.get(succeed(services)).result
    assert digest is not None
    services.blobs.delete(digest.sha256)
    assert_problem(client.get(other["links"]["result"]), 410, "result_expired")


def test_the_list_of_jobs_can_be_that_of_a_batch(client: httpx.Client, services: Services) -> None:
    created(client, 1, 1)
    batch = created(client, 3, 1)
    services.store.claim()  # of the first batch
    failed = fail(services)

    def listed(**query: Any) -> list[str]:
        page = client.get(batch["links"]["jobs"], params={"batch": batch["id"], **query}).json()
        return [job["id"] for job in page["items"]]

    newest_first = [job["id"] for job in reversed(batch["jobs"])]
    assert listed() == newest_first
    assert listed(limit=2) == newest_first[:2]
    assert listed(cursor=newest_first[1]) == newest_first[2:]
    assert listed(status="failed") == listed(error_code="out_of_memory") == [failed]
    assert listed(error_code="time_limit") == []


def test_another_caller_does_not_see_a_batch(services: Services, redis: Redis) -> None:
    keys = KeyStore(redis)
    one, other = ({"Authorization": f"Bearer {keys.create(name)[1]}"} for name in ("one", "other"))
    with serving(services) as client:
        answer = client.post("/batches", files=files(1, 1), headers=one)
        links = answer.json()["links"]
        for method, link in [
            ("GET", "self"), ("GET", "events"), ("GET", "result"), ("POST", "cancel"),
            ("DELETE", "self"),
        ]:  # fmt: skip
            refused = client.request(method, links[link], headers=other)
            assert_problem(refused, 404, "batch_not_found")
        assert client.get(links["jobs"], headers=other).json()["items"] == []
        assert client.get(links["self"], headers=one).status_code == 200


def test_one_webhook_reports_the_end_of_a_batch(services: Services, redis: Redis) -> None:
    guard = AddressGuard(resolver=lambda _: ["8.8.8.8"])
    with serving(replaced(services, guard=guard)) as client:
        batch = created(client, 2, 1, webhook_url="https://example.com/easel")
        outbox = Outbox(redis, services.settings.webhook_timeout)
        succeed(services)
        assert outbox.claim() == []
        succeed(services)
        (claimed,) = outbox.claim()
        assert claimed.id == f"{batch['id']}-finished"
        started = outbox.start(claimed, max_attempts=3)
        assert started is not None
        body = json.loads(body_of(started.job, started.event))
        shown = read(client, batch)
        (delivery,) = shown["webhook"].pop("deliveries")
        body["data"]["webhook"].pop("deliveries")
        assert (body["type"], body["data"]) == (WebhookEvent.BATCH_FINISHED, shown)
        assert (delivery["event"], delivery["attempts"]) == ("batch.finished", 1)
        assert client.get(batch["jobs"][0]["link"]).json()["webhook"] is None
        again = client.post(f"/webhooks/deliveries/{claimed.id}/redeliver")
        assert (again.status_code, again.json()["job_id"]) == (202, batch["id"])


def test_the_record_of_a_batch_expires_with_those_of_its_jobs(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    batch = created(client, 1, 1)
    key = f"easel:batch:{batch['id']}"
    assert redis.ttl(key) == -1
    succeed(services)
    kept = services.settings.retention + timedelta(days=2)
    assert kept.total_seconds() - 60 < redis.ttl(key) <= kept.total_seconds()
    assert redis.ttl(f"easel:batch-jobs:{batch['id']}") == redis.ttl(key)
