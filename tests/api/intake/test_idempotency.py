"""Idempotency keys, and ``validate_only``."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.footprint import footprint
from core.jobs.idempotency import IdempotencyKey
from core.jobs.pictures import JobPictures
from core.jobs.workers import WorkerInfo
from core.params import StyleParams
from core.params.choices import Precision
from core.queue.app import JobQueue, make_celery
from core.runtime.redis import connect
from tests.api.conftest import serving
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import CONTENT, STYLE, Files, claim, files, finish
from tests.conftest import photo, png, some_progress

OTHER = png(photo(40, 40, seed=7))


def post(
    client: httpx.Client, key: str, sent: Files | None = None, **fields: Any
) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return client.post("/jobs", files=sent or files(), data=fields, headers=headers)


def ids(client: httpx.Client) -> list[str]:
    return [job["id"] for job in client.get("/jobs").json()["items"]]


def stored(services: Services) -> set[bytes]:
    return {services.blobs.get(digest) for digest, _ in services.blobs.ages()}


def test_a_repeated_request_returns_the_same_job(client: httpx.Client, services: Services) -> None:
    first = post(client, "a key", size=64)
    assert "idempotent-replayed" not in first.headers
    again = post(
        client, "a key", size=64, preset="balanced"
    )  # the same request, written differently
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    services.store.claim(first.json()["id"])
    assert post(client, "a key", size=64).json()["status"] == "running"
    assert ids(client) == [first.json()["id"]]


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        (None, {"size": 65}),
        (files(OTHER, STYLE), {"size": 64}),
        (files(CONTENT, OTHER), {"size": 64}),
        (files(CONTENT, STYLE, STYLE), {"size": 64}),
        ([*files(), ("init_image", ("start.png", STYLE))], {"size": 64}),
        ([*files(), ("detail_map", ("map.png", CONTENT))], {"size": 64}),
    ],
    ids=[
        *("a parameter", "the content", "the style", "one more style"),
        *("a picture to start from", "a detail map"),
    ],
)
def test_a_different_request_with_the_same_key_is_refused_and_not_stored(
    client: httpx.Client, services: Services, sent: Files | None, fields: dict[str, Any]
) -> None:
    first = post(client, "a key", size=64).json()
    problem = assert_problem(post(client, "a key", sent, **fields), 422, "idempotency_key_reused")
    assert "new key" in problem["detail"]
    assert ids(client) == [first["id"]]
    assert stored(services) == {CONTENT, STYLE}


def test_a_refused_request_does_not_use_up_its_key(client: httpx.Client) -> None:
    assert_problem(post(client, "a key", size=1), 422, "invalid_request")
    assert "idempotent-replayed" not in post(client, "a key", size=64).headers


def test_two_keys_create_two_jobs_and_a_request_without_a_key_another(client: httpx.Client) -> None:
    answers = [post(client, "one"), post(client, "two"), client.post("/jobs", files=files())]
    assert len({answer.json()["id"] for answer in answers}) == 3


def test_the_same_key_of_two_callers_is_two_keys() -> None:
    first = IdempotencyKey.of("somebody", "a key")
    assert first != IdempotencyKey.of("somebody else", "a key")
    # A key cannot be chosen so that it equals that of another caller.
    assert IdempotencyKey.of("a", "b:c") != IdempotencyKey.of("a:b", "c")


def test_concurrent_requests_with_one_key_create_one_job(
    client: httpx.Client, services: Services
) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: post(client, "a key", size=64), range(12)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    replayed = [answer for answer in answers if "idempotent-replayed" in answer.headers]
    assert len(replayed) == 11
    assert len(ids(client)) == 1
    assert stored(services) == {CONTENT, STYLE}


def test_of_different_concurrent_requests_with_one_key_one_is_accepted(
    client: httpx.Client, services: Services
) -> None:
    pictures = [png(photo(40, 40, seed=seed)) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda data: post(client, "k", files(data)), pictures))
    assert sorted(answer.status_code for answer in answers) == [202] + [422] * 7
    assert len(ids(client)) == 1
    assert len(stored(services)) == 2


def test_a_replay_is_answered_although_the_queue_is_full(services: Services) -> None:
    small_queue = replace(services, settings=services.settings.model_copy(update={"max_queue": 1}))
    with serving(small_queue) as client:
        first = post(client, "a key").json()
        assert_problem(post(client, "another"), 503, "queue_full")
        assert post(client, "a key").json() == first


def test_a_replay_is_answered_although_no_worker_has_enough_memory(
    client: httpx.Client, services: Services
) -> None:
    first = post(client, "a key").json()
    services.workers.announce(
        WorkerInfo(id="small", device="cpu", networks=(), memory_total_bytes=2**20)
    )
    assert_problem(post(client, "another"), 422, "invalid_request")
    again = post(client, "a key")
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (first["id"], "true")


def test_a_key_is_kept_for_a_day_or_until_its_job_is_deleted(
    client: httpx.Client, redis: Redis
) -> None:
    first = post(client, "a key").json()
    (place,) = redis.keys("easel:idempotency:*")
    assert 86_000 < redis.ttl(place) <= 86_400
    client.delete(f"/jobs/{first['id']}")
    assert redis.keys("easel:idempotency:*") == []
    assert post(client, "a key").json()["id"] != first["id"]


def test_deleting_an_old_job_keeps_the_key_of_a_newer_one(
    client: httpx.Client, redis: Redis
) -> None:
    old = post(client, "a key").json()
    (entry,) = redis.keys("easel:idempotency:*")
    redis.delete(entry)  # as after its lifetime
    newer = post(client, "a key").json()
    assert newer["id"] != old["id"]
    assert client.delete(f"/jobs/{old['id']}").status_code == 204
    assert post(client, "a key").json()["id"] == newer["id"]


def test_a_job_that_cannot_be_announced_does_not_use_up_its_key(services: Services) -> None:
    without_broker = replace(services, queue=JobQueue(make_celery("redis://127.0.0.1:1/0")))
    with serving(without_broker) as client:
        assert_problem(post(client, "a key"), 503, "service_unavailable")
    jobs = connect(services.settings.redis_url, patience=0)
    assert [*jobs.keys("easel:job:*"), *jobs.keys("easel:idempotency:*")] == []
    assert stored(services) == set()


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_an_invalid_key_is_refused_by_name(client: httpx.Client, key: str) -> None:
    problem = assert_problem(post(client, key), 422, "invalid_request")
    assert problem["errors"][0]["field"] == "Idempotency-Key"
    assert ids(client) == []


def test_validate_only_returns_an_estimate_and_creates_nothing(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    before = set(redis.keys("easel:*"))
    answer = client.post("/jobs", files=files(), data={"validate_only": "true", "size": 64})
    assert answer.status_code == 200
    estimate = answer.json()
    assert (estimate["valid"], estimate["params"]["size"]) == (True, 64)
    # Without a worker, the estimate is that of the larger format.
    params = StyleParams(size=64, precision=Precision.FLOAT32)
    pictures = JobPictures(64 * 48, (64 * 48,), decoded_bytes=2 * 64 * 48 * 4)
    assert estimate["memory_bytes"] == footprint(params, None, pictures).needed(64 * 48)
    assert (estimate["queue_position"], estimate["run_seconds"]) == (0, None)
    assert "location" not in answer.headers
    left = {key for key in set(redis.keys("easel:*")) - before if "rate" not in key}
    assert (left, stored(services)) == (set(), set())


def test_validate_only_estimates_the_start_from_running_jobs(
    client: httpx.Client, services: Services
) -> None:
    services.workers.announce(
        WorkerInfo(id="one", device="cpu", networks=(), memory_total_bytes=None)
    )
    job = claim(services, client)
    services.store.renew(job, progress=some_progress(1, 12).model_copy(update={"eta_seconds": 90}))
    form = {"validate_only": "True", "size": 64}  # as a Python client writes it
    end = time.monotonic() + 30  # a forecast is cached for a second
    while (seconds := client.post("/jobs", files=files(), data=form).json()["start_seconds"]) != 90:
        assert time.monotonic() < end, seconds
    # The job itself and the list of jobs have the same estimate.
    job_id = client.post("/jobs", files=files()).json()["id"]
    shown = client.get(f"/jobs/{job_id}").json()
    assert shown["estimated_start_at"] is not None
    assert client.get("/jobs").json()["items"][0] == shown


def test_validate_only_estimates_the_run_time_from_the_parameters_and_the_pace(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, client)
    redis.hincrbyfloat(f"easel:job:{job.id}", "started_at", -60)  # it took a minute
    finish(services, job, STYLE)

    def run_seconds(**fields: Any) -> float:
        form = {"validate_only": "true", **fields}
        end = time.monotonic() + 30  # a forecast is cached for a second
        while True:
            seconds = client.post("/jobs", files=files(), data=form).json()["run_seconds"]
            if seconds is not None:
                return float(seconds)
            assert time.monotonic() < end

    assert run_seconds() == pytest.approx(60, abs=2)
    assert run_seconds(size=64, preset="fast") < 20
    assert run_seconds(size=1024, preset="gatys2015") > 60 * 40


def test_validate_only_refuses_an_invalid_request(client: httpx.Client) -> None:
    form = {"validate_only": "true", "size": 1}
    problem = assert_problem(client.post("/jobs", files=files(), data=form), 422)
    assert problem["errors"][0]["field"] == "size"
    form = {"validate_only": "perhaps"}
    problem = assert_problem(client.post("/jobs", files=files(), data=form), 422)
    assert problem["errors"][0]["field"] == "validate_only"


def test_validate_only_does_not_use_up_the_key(client: httpx.Client) -> None:
    assert post(client, "a key", validate_only="true").status_code == 200
    assert "idempotent-replayed" not in post(client, "a key").headers
