"""Webhooks end to end: from the form fields of a job to the deliveries of the sender."""

from __future__ import annotations

import base64
import json
import signal
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import psutil
import pytest
from redis import Redis
from standardwebhooks import Webhook as Verifier

from api.deps import Services
from api.webhooks.dispatcher import Dispatcher
from api.webhooks.sender import Sender
from core.jobs.job import Job, Metrics, Picture
from core.queue.app import WebhookQueue, make_celery
from core.settings.model import Settings
from core.store.jobs import JobStore
from core.store.webhooks.outbox import Outbox
from core.webhooks.addresses import AddressGuard
from tests.api.conftest import serving
from tests.conftest import photo, png, some_progress
from tests.receiver import PATIENCE_SECONDS, Receiver

PICTURE = Picture(sha256="0" * 64, media_type="image/png", size_bytes=1)
FILES = {"content": png(photo(64, 48, seed=1)), "style": png(photo(48, 64, seed=2))}


SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def post(client: httpx.Client, **fields: str) -> httpx.Response:
    return client.post("/jobs", files=FILES, data={"size": "64", **fields})


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        (
            {"webhook_url": "http://169.254.169.254/latest/meta-data"},
            "webhook_url",
            "EASEL_WEBHOOK_ALLOWED_NETWORKS=169.254.169.254",
        ),
        ({"webhook_url": "http://0x7f.1/"}, "webhook_url", "four decimal numbers"),
        ({"webhook_url": "http://inside.example/"}, "webhook_url", "inside.example"),
        ({"webhook_events": "job.failed"}, "webhook_events", "requires a webhook_url"),
        (
            {"webhook_url": "http://8.8.8.8/", "webhook_events": "all"},
            "webhook_events",
            "job.started, job.succeeded, job.failed, job.canceled",
        ),
    ],
)
def test_an_invalid_webhook_is_rejected_with_the_post(
    services: Services, redis: Redis, fields: dict[str, str], field: str, reason: str
) -> None:
    guard = AddressGuard(resolver=lambda _: ["10.0.0.1"])
    with serving(replaced(services, guard=guard)) as client:
        answer = post(client, **fields)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert reason in error["message"]
    assert redis.keys("easel:job:*") == []


def replaced(services: Services, **changes: Any) -> Services:
    return Services(**{**vars(services), **changes})


def test_the_job_shows_its_webhook(client: httpx.Client) -> None:
    url = "https://8.8.8.8/easel?for=me"
    answer = post(
        client, webhook_url=url, webhook_events="job.failed,job.succeeded", webhook_secret=SECRET
    )
    assert answer.status_code == 202, answer.text
    assert SECRET not in client.get(f"/jobs/{answer.json()['id']}").text
    expected = {"url": url, "events": ["job.succeeded", "job.failed"], "deliveries": []}
    assert answer.json()["webhook"] == expected
    assert post(client).json()["webhook"] is None


def test_a_caller_can_read_the_webhook_secret(client: httpx.Client) -> None:
    answer = client.get("/webhooks/secret")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == client.get("/webhooks/secret").json()
    Verifier(answer.json()["secret"])


@pytest.fixture
def quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of the sender: it may send to this machine, and retries soon."""
    monkeypatch.setenv("EASEL_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("EASEL_WEBHOOK_ALLOWED_NETWORKS", "127.0.0.1")
    monkeypatch.setenv("EASEL_WEBHOOK_RETRIES", "1s,1s")
    monkeypatch.setenv("EASEL_WEBHOOK_TIMEOUT", "2s")
    return Settings()


@pytest.fixture
def dispatcher(quick: Settings, redis: Redis) -> Iterator[Callable[[], Dispatcher]]:
    """Start dispatchers like an API process does."""
    started = []

    def start() -> Dispatcher:
        queue = WebhookQueue(make_celery(quick.redis_url))
        started.append(Dispatcher(Outbox(redis, quick.webhook_timeout), queue, str))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def local(services: Services, quick: Settings) -> Iterator[httpx.Client]:
    guard = AddressGuard(quick.webhook_allowed_networks)
    with serving(replaced(services, guard=guard)) as client:
        yield client


def started(client: httpx.Client, store: JobStore, url: str) -> Job:
    answer = post(client, webhook_url=url)
    assert answer.status_code == 202, answer.text
    job = store.claim(answer.json()["id"])
    assert job is not None
    return job


def succeed(store: JobStore, job: Job) -> None:
    store.succeed(job, PICTURE, some_progress(), Metrics(optimize_seconds=1, device="cpu"))


def settled(client: httpx.Client, job: Job) -> list[dict[str, Any]]:
    """Wait until all deliveries of a job are settled, and return them."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        webhook = client.get(f"/jobs/{job.id}").json()["webhook"]
        deliveries: list[dict[str, Any]] = webhook["deliveries"]
        if deliveries and all(each["state"] != "pending" for each in deliveries):
            return deliveries
        assert time.monotonic() < end, deliveries
        time.sleep(0.1)  # the polling interval of a client


def test_the_sender_process_delivers_and_retries_webhooks(
    local: httpx.Client, store: JobStore, dispatcher: Callable[[], Dispatcher]
) -> None:
    with Receiver(503) as receiver:
        job = started(local, store, receiver.url())
        dispatcher()
        first, again = receiver.next(), receiver.next()
        assert first.headers["webhook-id"] == again.headers["webhook-id"] == f"{job.id}-started"
        assert first.body == again.body
        succeed(store, job)
        final = receiver.next()
        secret = local.get("/webhooks/secret").json()["secret"]
        for got in (first, again, final):
            Verifier(secret).verify(got.body, got.headers)
        assert json.loads(final.body)["type"] == "job.succeeded"
        start, end = settled(local, job)
    assert (start["state"], start["attempts"], start["last_status"]) == ("delivered", 2, 204)
    assert (end["state"], end["attempts"], end["event"]) == ("delivered", 1, "job.succeeded")
    assert end["id"] == final.headers["webhook-id"]


def test_links_begin_with_the_path_under_which_a_proxy_serves_the_api(
    local: httpx.Client, store: JobStore, redis: Redis, quick: Settings
) -> None:
    sender = Sender(quick.model_copy(update={"root_path": "/easel"}))
    with Receiver() as receiver:
        job = started(local, store, receiver.url())
        (claimed,) = Outbox(redis, quick.webhook_timeout).claim()
        sender.send(claimed)
        links = json.loads(receiver.next().body)["data"]["links"]
    assert links["self"] == f"/easel/jobs/{job.id}"


def test_a_delivery_fails_after_its_last_attempt(
    local: httpx.Client, store: JobStore, dispatcher: Callable[[], Dispatcher]
) -> None:
    with Receiver(500, 404, 302) as receiver:
        job = started(local, store, receiver.url())
        dispatcher()
        (delivery,) = settled(local, job)
        assert receiver.received.qsize() == 3
    assert (delivery["state"], delivery["attempts"]) == ("failed", 3)
    assert (delivery["last_status"], delivery["last_error"]) == (302, "http_status")
    assert delivery["next_attempt_at"] is None


def test_a_410_stops_the_deliveries_of_the_job(
    local: httpx.Client, store: JobStore, dispatcher: Callable[[], Dispatcher]
) -> None:
    with Receiver(410) as receiver:
        job = started(local, store, receiver.url())
        dispatcher()
        (delivery,) = settled(local, job)
        succeed(store, job)
        other = started(local, store, receiver.url())  # the next job is not affected
        receiver.next()
        assert receiver.next().headers["webhook-id"] == f"{other.id}-started"
        assert receiver.received.empty()
    assert delivery["state"] == "stopped"


def test_a_killed_sender_loses_no_delivery(
    local: httpx.Client, store: JobStore, dispatcher: Callable[[], Dispatcher]
) -> None:
    def kill_sender(_: BaseHTTPRequestHandler) -> None:
        (sender,) = (
            child for child in psutil.Process().children() if "api.webhooks" in child.cmdline()
        )
        sender.send_signal(signal.SIGKILL)

    with Receiver(kill_sender) as receiver:
        job = started(local, store, receiver.url())
        succeed(store, job)  # ends before a sender is started
        dispatcher()
        ids = [receiver.next().headers["webhook-id"] for _ in range(3)]
        deliveries = settled(local, job)
    assert set(ids) == {f"{job.id}-started", f"{job.id}-succeeded"}
    assert {each["state"] for each in deliveries} == {"delivered"}


def test_the_sender_exits_with_its_api_process(
    local: httpx.Client, store: JobStore, dispatcher: Callable[[], Dispatcher]
) -> None:
    with Receiver() as receiver:
        started(local, store, receiver.url())
        one = dispatcher()
        receiver.next()
        senders = [
            child for child in psutil.Process().children() if "api.webhooks" in child.cmdline()
        ]
        assert len(senders) == 1
        one.stop()
        _, alive = psutil.wait_procs(senders, timeout=PATIENCE_SECONDS)
        assert alive == []


def test_no_sender_is_started_without_deliveries(
    client: httpx.Client, store: JobStore, dispatcher: Callable[[], Dispatcher]
) -> None:
    dispatcher().stop()  # stops after its first run
    assert not [child for child in psutil.Process().children() if "api.webhooks" in child.cmdline()]
