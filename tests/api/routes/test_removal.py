"""The deletion of jobs and their files, which other jobs may share."""

from __future__ import annotations

import threading

import httpx
from redis import Redis

from api.deps import Services
from core.blobs.blobs import Blobs
from core.errors import StaleAttempt
from core.jobs.job import Metrics, Picture, new_job_id
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import (
    CONTENT,
    DETAIL_MAP,
    STYLE,
    claim,
    files,
    finish,
    masks,
    post,
)
from tests.conftest import photo, png, some_progress

OTHER = png(photo(40, 40, seed=7))


def stored(services: Services) -> set[bytes]:
    return {services.blobs.get(digest) for digest, _ in services.blobs.ages()}


def test_a_deleted_job_leaves_no_keys_and_no_blobs(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    before = set(redis.keys("*"))
    job = claim(services, client)
    finish(services, job, OTHER)
    assert stored(services) == {CONTENT, STYLE, OTHER}
    answer = client.delete(f"/jobs/{job.id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert stored(services) == set()
    for path in ("", "/result"):
        assert_problem(client.get(f"/jobs/{job.id}{path}"), 404, "job_not_found")
    assert_problem(client.delete(f"/jobs/{job.id}"), 404, "job_not_found")
    left = {key for key in redis.keys("*") if key not in before}
    assert not [key for key in left if job.id in key or "owned" in key or "held" in key]


def test_a_deleted_job_leaves_none_of_its_uploads(client: httpx.Client, services: Services) -> None:
    more = [("init_image", ("a.png", OTHER)), ("detail_map", ("b.png", DETAIL_MAP))]
    job = post(client, [*files(), *masks(1), *more]).json()
    assert {OTHER, DETAIL_MAP} < stored(services)
    client.delete(f"/jobs/{job['id']}")
    assert stored(services) == set()


def test_deleting_a_queued_job_removes_it_from_the_queue(
    client: httpx.Client, services: Services
) -> None:
    gone, behind = post(client).json(), post(client).json()
    assert client.delete(f"/jobs/{gone['id']}").status_code == 204
    assert client.get(behind["links"]["self"]).json()["queue_position"] == 0
    assert services.store.claim(gone["id"]) is None  # its message is still queued
    assert services.store.load("127.0.0.1").unfinished == 1


def test_the_worker_of_a_deleted_job_cannot_write(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, client)
    client.delete(f"/jobs/{job.id}")
    result = Picture(sha256="b" * 64, media_type="image/png", size_bytes=1)
    metrics = Metrics(optimize_seconds=1, device="cpu")
    for write in (
        lambda: services.store.renew(job, progress=some_progress()),
        lambda: services.store.succeed(job, result, some_progress(), metrics),
        lambda: services.store.confirm_cancel(job),
        lambda: services.store.hand_back(job),
    ):
        try:
            write()
        except StaleAttempt:
            continue
        raise AssertionError("a write succeeded")
    assert redis.keys("easel:job:*") == []
    assert redis.zcard("easel:jobs:running") == 0


def test_a_shared_picture_is_kept_until_the_last_job_is_deleted(
    client: httpx.Client, services: Services
) -> None:
    first, second = (post(client, files(each, STYLE)).json() for each in (CONTENT, OTHER))
    client.delete(f"/jobs/{first['id']}")
    assert stored(services) == {STYLE, OTHER}
    client.delete(f"/jobs/{second['id']}")
    assert stored(services) == set()


def test_a_shared_result_is_kept_for_the_other_job(
    client: httpx.Client, services: Services
) -> None:
    first, second = claim(services, client), claim(services, client)
    finish(services, first, OTHER)
    finish(services, second, OTHER)
    client.delete(f"/jobs/{first.id}")
    assert client.get(f"/jobs/{second.id}/result").content == OTHER


def test_an_upload_during_the_removal_of_its_blob_is_kept(services: Services, blobs: Blobs) -> None:
    """The removal pauses between its check and the deletion, and the upload waits for it."""
    holds = services.store.holds
    digest = blobs.put(OTHER)
    checked, uploaded, proceed = threading.Event(), threading.Event(), threading.Event()

    class SlowBlobs(Blobs):
        def delete(self, digest: str, *, older_than: float = 0.0) -> bool:
            checked.set()
            assert proceed.wait(60)
            return blobs.delete(digest, older_than=older_than)

    def upload() -> None:
        holds.hold(new_job_id(), [digest])
        blobs.put(OTHER)
        uploaded.set()

    slow = SlowBlobs(blobs._backend)
    threads = [threading.Thread(target=holds.release, args=(slow, [digest]))]
    threads[0].start()
    assert checked.wait(60)
    threads.append(threading.Thread(target=upload))
    threads[1].start()
    assert not uploaded.wait(0.2)
    proceed.set()
    assert uploaded.wait(60)
    for thread in threads:
        thread.join()
    assert blobs.get(digest) == OTHER


def test_a_hold_of_a_job_that_was_never_created_is_pruned(services: Services, redis: Redis) -> None:
    services.store.holds.hold("01000000-98c4-775e-952b-a081813c8da6", ["a" * 64])
    services.store.holds.hold(new_job_id(), ["b" * 64])
    services.store.holds.prune(frozenset(), made_before=redis.time()[0] - 3600)
    assert [entry[:1] for entry in redis.zrange("easel:held", 0, -1)] == ["b"]
