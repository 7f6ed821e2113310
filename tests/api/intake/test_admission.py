"""Jobs for which there is no room are refused before anything is stored."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.footprint import footprint, memory_needed
from core.jobs.job import Metrics, Picture
from core.jobs.pictures import JobPictures
from core.jobs.workers import WorkerInfo
from core.params import Precision, StyleParams
from core.store.api_keys import KeyStore
from tests.api.conftest import serving
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import files, masks, post
from tests.conftest import photo, png, some_progress


def limited(services: Services, **limits: object) -> Services:
    return replace(services, settings=services.settings.model_copy(update=limits))


@pytest.fixture
def small_queue(services: Services) -> Iterator[httpx.Client]:
    """An API whose queue holds two jobs."""
    with serving(limited(services, max_queue=2)) as client:
        yield client


@pytest.fixture
def two_jobs(services: Services) -> Iterator[httpx.Client]:
    """An API that accepts two unfinished jobs of a caller."""
    with serving(limited(services, max_jobs_per_caller=2)) as client:
        yield client


def stored(services: Services) -> int:
    return len(list(services.blobs.ages()))


def assert_refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert 1 <= int(answer.headers["retry-after"]) <= 300
    return assert_problem(answer, status, code)


def test_a_full_queue_accepts_no_job_until_one_is_claimed(
    small_queue: httpx.Client, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    first = post(small_queue).json()["id"]
    post(small_queue)
    before = stored(services)
    other = files(png(photo(50, 50, seed=9)))
    caplog.set_level("INFO", "api.answers.errors")
    assert_refused(post(small_queue, other), 503, "queue_full")
    (logged,) = (record for record in caplog.records if record.name == "api.answers.errors")
    assert (logged.levelname, logged.message) == ("INFO", "request refused")
    assert stored(services) == before
    services.store.claim(first)
    assert post(small_queue, other).status_code == 202


def test_a_caller_with_too_many_jobs_is_refused_until_one_ends(
    two_jobs: httpx.Client, services: Services
) -> None:
    first = post(two_jobs).json()["id"]
    post(two_jobs)
    job = services.store.claim(first)
    assert job is not None
    problem = assert_refused(post(two_jobs), 429, "too_many_jobs")
    assert "2 of your jobs are unfinished" in problem["detail"]
    result = Picture(sha256="a" * 64, media_type="image/png", size_bytes=1)
    progress = some_progress()
    services.store.succeed(job, result, progress, Metrics(optimize_seconds=1, device="cpu"))
    assert post(two_jobs).status_code == 202


def test_a_caller_over_its_storage_quota_is_refused_until_a_job_is_deleted(
    services: Services,
) -> None:
    upload = sum(len(data) for _, (_, data, *_) in files())
    with serving(limited(services, max_stored_bytes_per_caller=upload + 1)) as client:
        first = post(client).json()["id"]
        held = stored(services)
        other = files(png(photo(50, 50, seed=9)))
        problem = assert_problem(post(client, other), 507, "storage_quota_exceeded")
        assert f"hold {upload} bytes of files, and at most {upload + 1}" in problem["detail"]
        assert stored(services) == held
        assert client.delete(f"/jobs/{first}").status_code == 204
        assert post(client, other).status_code == 202


def test_an_api_key_has_a_storage_quota_of_its_own(services: Services, redis: Redis) -> None:
    keys = KeyStore(redis)
    _, narrow = keys.create("narrow", max_stored_bytes=1)
    _, usual = keys.create("usual")
    with serving(services) as client:
        for key, status in ((narrow, 507), (usual, 202)):
            client.headers["authorization"] = f"Bearer {key}"
            assert post(client).status_code == status


def test_a_job_is_refused_before_its_body_is_read(small_queue: httpx.Client) -> None:
    post(small_queue)
    post(small_queue)
    with socket.create_connection(
        (small_queue.base_url.host, small_queue.base_url.port or 80)
    ) as connection:
        connection.sendall(
            b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        connection.settimeout(60)  # the body is never sent
        assert connection.recv(100).startswith(b"HTTP/1.1 503 ")


def test_concurrent_jobs_do_not_exceed_the_limit(services: Services) -> None:
    with serving(limited(services, max_queue=3)) as client, ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: post(client), range(12)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [202] * 3 + [503] * 9
    assert services.store.load("127.0.0.1").queued == 3


def test_a_job_too_large_for_every_worker_is_refused(
    client: httpx.Client, services: Services
) -> None:
    worker = WorkerInfo(id="1", device="cpu", networks=(), memory_total_bytes=2 * 2**30)
    services.workers.announce(worker)
    problem = assert_problem(post(client, size=1024), 422, "invalid_request")
    (error,) = problem["errors"]
    assert error["field"] == "size"
    assert "largest worker has 2.0 GiB; use a size of at most" in error["message"]
    assert stored(services) == 0
    fits = int(error["message"].rpartition(" ")[2])
    assert post(client, size=fits).status_code == 202


def test_the_record_has_the_memory_that_a_worker_checks(
    client: httpx.Client, services: Services
) -> None:
    accepted = post(client, size=128)  # the pictures are 64 x 48
    job = services.store.get(accepted.json()["id"])
    pictures = JobPictures(128 * 96, (128 * 96,), decoded_bytes=2 * 64 * 48 * 4)
    assert job.memory == memory_needed(job.params, pictures)


def test_validate_only_estimates_large_pictures_and_counts_their_masks(
    services: Services,
) -> None:
    worker = WorkerInfo(
        id="1",
        device="cpu",
        networks=(),
        memory_total_bytes=12 * 2**30,
        precision=Precision.BFLOAT16,
    )
    services.workers.announce(worker)
    large: dict[str, Any] = {"size": 8192, "validate_only": True}  # 8192 x 6144
    with serving(limited(services, max_size=8192)) as client:
        plain = post(client, **large)
        assert plain.status_code == 200
        pictures = JobPictures(8192 * 6144, (8192 * 6144,), decoded_bytes=2 * 64 * 48 * 4)
        params = StyleParams(size=8192)
        estimate = footprint(params, Precision.BFLOAT16, pictures).needed(8192 * 6144)
        assert plain.json()["memory_bytes"] == estimate
        masked = post(client, [*files(), *masks(1)], **large)
        problem = assert_problem(masked, 422, "invalid_request")
        (error,) = problem["errors"]
        fits = int(error["message"].rpartition(" ")[2])
        assert 4096 < fits < 8192
        again = post(client, [*files(), *masks(1)], **{**large, "size": fits})
        assert again.json()["memory_bytes"] <= 12 * 2**30
