"""Event streams, long polls and previews, from the writes of a worker to the client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent
from redis import Redis

from api.answers.schemas import JobView
from api.deps import Services
from api.live.broadcast import Broadcast
from core.jobs.job import Failure, Job, Metrics, Picture
from core.queue.app import Messages
from core.store.previews import Previews
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.problems import assert_problem
from tests.api.routes.test_jobs import claim, files, finish, post
from tests.conftest import some_progress

RESULT = Picture(sha256="a" * 64, media_type="image/png", size_bytes=1)


class Following:
    """A client that reads an event stream."""

    def __init__(self, source: EventSource) -> None:
        self.response = source.response
        self._events = source.iter_sse()

    def next(self) -> ServerSentEvent:
        return next(self._events)

    def rest(self) -> list[ServerSentEvent]:
        """Return the events until the stream ends."""
        return list(self._events)


@contextmanager
def following(client: httpx.Client, job_id: str, after: str = "") -> Iterator[Following]:
    headers = {"Last-Event-ID": after} if after else {}
    with client.stream("GET", f"/jobs/{job_id}/events", headers=headers, timeout=60) as answer:
        yield Following(EventSource(answer))


def names(events: list[ServerSentEvent]) -> list[str]:
    return [event.event for event in events]


def data(event: ServerSentEvent) -> dict[str, Any]:
    job: dict[str, Any] = json.loads(event.data)
    JobView.model_validate(job)
    return job


def succeed(services: Services, job: Job) -> None:
    progress = some_progress(step=12, steps=12)
    services.store.succeed(job, RESULT, progress, Metrics(optimize_seconds=1, device="cpu"))


def test_every_event_is_sent_once_in_order_with_the_job_at_that_moment(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job_id = post(client).json()["id"]
    with following(client, job_id) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"] == "no-store"
        queued = stream.next()
        job = services.store.claim(job_id)
        assert job is not None
        started = stream.next()
        services.store.renew(job, progress=some_progress(step=3, steps=12))
        progress = stream.next()
        Previews(redis).put(job, 1, b"jpeg")
        preview = stream.next()
        succeed(services, job)
        (succeeded,) = stream.rest()
    events = [queued, started, progress, preview, succeeded]
    assert names(events) == ["queued", "started", "progress", "preview", "succeeded"]
    assert len({event.id for event in events}) == 5
    shown = [data(event) for event in events]
    assert [each["status"] for each in shown] == ["queued", *["running"] * 3, "succeeded"]
    assert (shown[0]["queue_position"], shown[1]["queue_position"]) == (0, None)
    assert shown[2]["progress"]["step"] == 3
    assert [each["progress"]["preview_version"] for each in shown[2:]] == [0, 1, 1]
    assert shown[4] == client.get(f"/jobs/{job_id}").json()


def test_a_late_client_receives_the_earlier_events(
    client: httpx.Client, services: Services
) -> None:
    job = claim(services, client)
    for step in (1, 2, 3):
        services.store.renew(job, progress=some_progress(step=step, steps=12))
    with following(client, job.id) as stream:
        events = [stream.next() for _ in range(3)]
        assert names(events) == ["queued", "started", "progress"]
        assert data(events[2])["progress"]["step"] == 3  # the earlier ones are superseded
        services.store.fail(job, Failure(code="out_of_memory", message="x", retryable=False))
        (failed,) = stream.rest()
    assert (failed.event, data(failed)["error"]["code"]) == ("failed", "out_of_memory")
    with following(client, job.id) as stream:
        assert names(stream.rest()) == ["queued", "started", "failed"]


def test_a_reconnecting_client_receives_only_the_missed_events(
    client: httpx.Client, services: Services
) -> None:
    job = claim(services, client)
    with following(client, job.id) as stream:
        seen = [stream.next(), stream.next()]
    services.store.renew(job, progress=some_progress(step=1, steps=12))
    services.store.hand_back(job)
    again = services.store.claim(job.id)
    assert again is not None
    with following(client, job.id, after=seen[-1].id) as stream:
        missed = [stream.next() for _ in range(3)]
        assert names(missed) == ["progress", "queued", "started"]
        succeed(services, again)
        (last,) = stream.rest()
    assert last.event == "succeeded"
    ended = client.get(f"/jobs/{job.id}/events", headers={"Last-Event-ID": last.id})
    assert (ended.status_code, ended.content) == (204, b"")  # stops an EventSource


def test_events_reach_the_clients_of_every_api_process(
    client: httpx.Client, services: Services
) -> None:
    job_id = post(client).json()["id"]
    with (
        serving(services) as other,
        following(other, job_id) as there,
        following(client, job_id) as here,
    ):
        assert there.next().event == here.next().event == "queued"
        client.post(f"/jobs/{job_id}/cancel")
        assert names(there.rest()) == names(here.rest()) == ["canceled"]


def test_without_stored_events_the_stream_sends_the_current_job(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, client)
    services.store.fail(job, Failure(code="internal_error", message="x", retryable=True))
    redis.delete(f"easel:events:{job.id}")
    with following(client, job.id) as stream:
        (event,) = stream.rest()
    assert (event.event, data(event)["status"]) == ("failed", "failed")


def test_a_stream_ends_when_its_job_is_discarded(client: httpx.Client, services: Services) -> None:
    job_id = post(client).json()["id"]
    with following(client, job_id) as stream:
        assert stream.next().event == "queued"
        services.store.discard(services.store.get(job_id))
        assert stream.rest() == []


def test_the_events_of_an_unknown_job_respond_404(client: httpx.Client) -> None:
    assert_problem(client.get("/jobs/nonsense/events"), 404, "job_not_found")


@pytest.fixture
def listened(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """A semaphore that is released whenever a request starts to wait."""
    waiting = threading.Semaphore(0)
    ready = Broadcast.ready

    async def release(self: Broadcast) -> None:
        await ready(self)
        waiting.release()

    monkeypatch.setattr(Broadcast, "ready", release)
    return waiting


def test_a_stream_sends_every_change_of_the_queue_position(
    client: httpx.Client, services: Services
) -> None:
    first, second = (post(client).json()["id"] for _ in range(2))
    with following(client, second) as stream:
        assert data(stream.next())["queue_position"] == 1
        assert services.store.claim(first) is not None
        moved = stream.next()
        assert (moved.event, data(moved)["queue_position"]) == ("queued", 0)
        assert services.store.claim(second) is not None
        assert stream.next().event == "started"


def test_a_conditional_long_poll_returns_when_the_queue_position_changes(
    client: httpx.Client, services: Services, listened: threading.Semaphore
) -> None:
    first, second = (post(client).json()["id"] for _ in range(2))
    etag = client.get(f"/jobs/{second}").headers["etag"]
    headers = {"If-None-Match": etag}
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(client.get, f"/jobs/{second}?wait=60", headers=headers, timeout=90)
        assert listened.acquire(timeout=60)
        assert services.store.claim(first) is not None
        answer = poll.result(30)
    assert (answer.json()["status"], answer.json()["queue_position"]) == ("queued", 0)


@pytest.mark.parametrize("after", ["9" * 21 + "-0", "9" * 20 + "-0", "0-" + "9" * 20, "yesterday"])
def test_an_invalid_last_event_id_gets_all_events(
    client: httpx.Client, services: Services, after: str
) -> None:
    job = claim(services, client)
    succeed(services, job)
    with following(client, job.id, after) as stream:
        assert names(stream.rest()) == ["queued", "started", "succeeded"]


def test_a_long_poll_returns_when_the_job_ends(
    client: httpx.Client, services: Services, listened: threading.Semaphore
) -> None:
    job = claim(services, client)
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(client.get, f"/jobs/{job.id}?wait=60", timeout=90)
        assert listened.acquire(timeout=60)
        services.store.renew(job, progress=some_progress(step=1, steps=12))
        succeed(services, job)
        answer = poll.result(60)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


def test_a_conditional_long_poll_returns_when_the_job_changes(
    client: httpx.Client, services: Services, listened: threading.Semaphore
) -> None:
    job = claim(services, client)
    etag = client.get(f"/jobs/{job.id}").headers["etag"]
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(
            client.get, f"/jobs/{job.id}?wait=60", headers={"If-None-Match": etag}, timeout=90
        )
        assert listened.acquire(timeout=60)
        services.store.renew(job, progress=some_progress(step=5, steps=12))
        answer = poll.result(60)
    assert answer.json()["progress"]["step"] == 5
    assert answer.headers["etag"] != etag


def test_a_long_poll_returns_the_current_job_after_its_timeout(
    client: httpx.Client, services: Services
) -> None:
    job = claim(services, client)
    answer = client.get(f"/jobs/{job.id}?wait=0.05")
    assert (answer.status_code, answer.json()["status"]) == (200, "running")
    assert int(answer.headers["retry-after"]) >= 1
    unchanged = client.get(
        f"/jobs/{job.id}?wait=0.05", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("wait", ["-1", "61", "long", "nan", "inf"])
def test_an_invalid_wait_is_rejected(client: httpx.Client, services: Services, wait: str) -> None:
    job = claim(services, client)
    problem = assert_problem(client.get(f"/jobs/{job.id}?wait={wait}"), 422, "invalid_request")
    assert problem["errors"][0]["field"] == "wait"


def test_a_matching_etag_of_a_job_responds_304(client: httpx.Client, services: Services) -> None:
    job = claim(services, client)
    etag = client.get(f"/jobs/{job.id}").headers["etag"]
    same = client.get(f"/jobs/{job.id}", headers={"If-None-Match": f'"x", {etag}'})
    assert (same.status_code, same.content) == (304, b"")
    services.store.renew(job, progress=some_progress(step=1, steps=12))
    assert client.get(f"/jobs/{job.id}", headers={"If-None-Match": etag}).status_code == 200


def test_prefer_wait_returns_the_finished_job(
    client: httpx.Client, services: Services, redis: Redis, listened: threading.Semaphore
) -> None:
    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(post_preferring, client, "respond-async, wait=60")
        assert listened.acquire(timeout=60)
        (job_id,) = Messages(redis).job_ids()
        job = services.store.claim(job_id)
        assert job is not None
        finish(services, job, b"result")
        answer = posting.result(60)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == "wait=60"
    assert answer.headers["location"] == f"/jobs/{job_id}"


def test_prefer_wait_responds_202_after_its_timeout(client: httpx.Client) -> None:
    answer = post_preferring(client, "wait=1")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.headers["preference-applied"] == "wait=1"
    assert "preference-applied" not in post_preferring(client, "return=minimal").headers


def test_prefer_wait_does_not_occupy_the_memory_for_uploads(
    services: Services, listened: threading.Semaphore
) -> None:
    body = sum(len(data) for _, (_, data) in files())
    with (
        serving(limited(services, max_held_bytes=2 * body + 4000)) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        posting = pool.submit(post_preferring, client, "wait=60")
        assert listened.acquire(timeout=60)
        (job_id,) = (job["id"] for job in client.get("/jobs").json()["items"])
        assert post(client).status_code == 202
        client.post(f"/jobs/{job_id}/cancel")
        assert posting.result(60).json()["status"] == "canceled"


def post_preferring(client: httpx.Client, prefer: str) -> httpx.Response:
    return client.post("/jobs", files=files(), headers={"Prefer": prefer}, timeout=90)


def test_the_newest_preview_is_served_with_an_etag(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, client)
    url = client.get(f"/jobs/{job.id}").json()["links"]["preview"]
    problem = assert_problem(client.get(url), 404, "no_preview_yet")
    assert "preview_version" in problem["detail"]
    previews = Previews(redis)
    previews.put(job, 1, b"\xff first")
    first = client.get(url)
    assert (first.content, first.headers["content-type"]) == (b"\xff first", "image/jpeg")
    assert "no-cache" in first.headers["cache-control"]
    tagged = {"If-None-Match": first.headers["etag"]}
    assert client.get(url, headers=tagged).status_code == 304
    previews.put(job, 2, b"\xff second")
    assert client.get(url, headers=tagged).content == b"\xff second"
    blob = services.blobs.put(b"\xff final")
    small = Picture(sha256=blob, media_type="image/jpeg", size_bytes=7)
    services.store.succeed(
        job, RESULT, some_progress(), Metrics(optimize_seconds=1, device="cpu"), small
    )
    assert client.get(url, headers=tagged).content == b"\xff final"
    assert not redis.exists(f"easel:preview:{job.id}")
    services.blobs.delete(blob)
    assert_problem(client.get(url), 410, "result_expired")


def test_an_expired_preview_of_a_requeued_job_responds_404(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, client)
    Previews(redis).put(job, 1, b"half done")
    services.store.hand_back(job)
    redis.delete(f"easel:preview:{job.id}")  # it has expired
    assert_problem(client.get(f"/jobs/{job.id}/preview"), 404, "no_preview_yet")


def test_the_last_preview_of_a_canceled_job_is_kept_for_an_hour(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    job = claim(services, client)
    Previews(redis).put(job, 1, b"half done")
    services.store.confirm_cancel(job)
    assert client.get(f"/jobs/{job.id}/preview").content == b"half done"
    assert 0 < redis.ttl(f"easel:preview:{job.id}") <= 3600
    kept = job.retention_seconds  # the same retention as the files
    assert kept - 100 < redis.ttl(f"easel:events:{job.id}") <= kept
