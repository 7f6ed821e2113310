"""One attempt to tell a receiver: signed, to the checked address, bounded in all it takes."""

from __future__ import annotations

import ipaddress
import itertools
import json
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import httpx
import pytest
import trustme
from redis import Redis
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from api.webhooks.client import WebhookClient, body_of
from core.errors import InvalidSetting
from core.jobs.job import Inputs, Job, Metrics, Picture
from core.params import StyleParams
from core.store.jobs import JobStore
from core.store.signing import WebhookSecrets
from core.webhooks.addresses import AddressGuard, Network, Resolver
from core.webhooks.retries import Attempt
from core.webhooks.webhook import Webhook, WebhookEvent
from tests.conftest import some_progress
from tests.receiver import PATIENCE_SECONDS, RawReceiver, Receiver

PICTURE = Picture(sha256="0" * 64, media_type="image/png", size_bytes=1)
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
SOON = timedelta(seconds=1)
LATE = timedelta(seconds=PATIENCE_SECONDS)
NEW, OLD = "whsec_" + "A" * 32, "whsec_" + "B" * 32


@pytest.fixture
def job(store: JobStore) -> Job:
    return ended(store, "https://h.example/")


def ended(store: JobStore, url: str) -> Job:
    inputs = Inputs(content=PICTURE, styles=(PICTURE,))
    job = store.claim(
        store.create(StyleParams(), inputs, webhook=Webhook(url=url).model_dump_json()).id
    )
    assert job is not None
    store.succeed(job, PICTURE, some_progress(), Metrics(optimize_seconds=1, device="cpu"))
    return store.get(job.id)


def sent_to(job: Job, url: str) -> Job:
    return job.model_copy(update={"webhook": Webhook(url=url)})


def loopback(host: str) -> list[str]:
    return ["127.0.0.1"]


def client_of(
    redis: Redis,
    *,
    resolver: Resolver = loopback,
    allowed: tuple[Network, ...] = LOOPBACK,
    timeout: timedelta = LATE,
    tls: ssl.SSLContext | None = None,
    secret: str = "",
) -> WebhookClient:
    guard = AddressGuard(allowed, resolver=resolver)
    secrets = WebhookSecrets(redis, secret)
    return WebhookClient(guard, secrets, tls or httpx.create_ssl_context(), timeout)


def tell(sender: WebhookClient, job: Job, url: str) -> Attempt:
    return sender.attempt(sent_to(job, url), WebhookEvent.SUCCEEDED)


def test_the_receiver_gets_the_job_and_can_check_who_sent_it(redis: Redis, job: Job) -> None:
    with Receiver() as receiver:
        assert tell(client_of(redis), job, receiver.url("hooks.example")) == Attempt(status=204)
        got = receiver.next()
    (secret,) = WebhookSecrets(redis).of(job.owner)
    Verifier(secret).verify(got.body, got.headers)
    assert got.headers["webhook-id"] == f"{job.id}-succeeded"
    assert got.headers["host"] == f"hooks.example:{receiver.port}"
    assert got.headers["content-type"] == "application/json"
    assert got.path == "/easel"
    message = json.loads(got.body)
    assert message["type"] == "job.succeeded"
    assert message["timestamp"] == message["data"]["finished_at"]
    assert (message["data"]["id"], message["data"]["status"]) == (job.id, "succeeded")
    assert message["data"]["links"]["result"] == f"/jobs/{job.id}/result"
    assert len(got.body) < 20_000
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(got.body.replace("succeeded", "failed"), got.headers)


def test_links_lead_to_the_public_address_where_there_is_one(job: Job) -> None:
    body = json.loads(body_of(job, WebhookEvent.SUCCEEDED, "https://easel.example/api"))
    links = body["data"]["links"]
    assert links["result"] == f"https://easel.example/api/jobs/{job.id}/result"
    assert all(link.startswith("https://easel.example/api/jobs/") for link in links.values())


def test_both_secrets_sign_while_one_takes_over_from_the_other(redis: Redis, job: Job) -> None:
    with Receiver() as receiver:
        tell(client_of(redis, secret=f"{NEW} {OLD}"), job, receiver.url())
        got = receiver.next()
    for secret in (NEW, OLD):
        Verifier(secret).verify(got.body, got.headers)


def test_each_owner_has_a_secret_of_their_own_which_stays(redis: Redis) -> None:
    made = WebhookSecrets(redis).of("ann")
    assert WebhookSecrets(redis).of("ann") == made
    assert WebhookSecrets(redis).of("bob") != made
    assert made[0].startswith("whsec_")


@pytest.mark.parametrize("secret", ["hush", "whsec_", "whsec_QUJD", "whsec_###", NEW + " x"])
def test_what_is_no_secret_is_refused_with_an_example(redis: Redis, secret: str) -> None:
    with pytest.raises(InvalidSetting, match="openssl rand -base64 32"):
        WebhookSecrets(redis, secret)


def test_every_attempt_says_the_same_whatever_has_happened_since(store: JobStore) -> None:
    inputs = Inputs(content=PICTURE, styles=(PICTURE,))
    posted = store.create(
        StyleParams(), inputs, webhook=Webhook(url="https://h.example/").model_dump_json()
    )
    job = store.claim(posted.id)
    assert job is not None
    before = body_of(job, WebhookEvent.STARTED)
    store.hand_back(job)
    job = store.claim(job.id)
    assert job is not None
    store.succeed(job, PICTURE, some_progress(), Metrics(optimize_seconds=1, device="cpu"))
    assert body_of(store.get(job.id), WebhookEvent.STARTED) == before
    data = json.loads(before)["data"]
    assert (data["status"], data["done"], data["progress"]) == ("running", False, None)


@pytest.mark.parametrize("status", [200, 201, 204, 299, 301, 302, 307, 308, 400, 410, 500])
def test_a_2xx_is_success_and_a_redirect_is_not(redis: Redis, job: Job, status: int) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", elsewhere.url())
        handler.end_headers()

    with Receiver() as elsewhere, Receiver(answer) as receiver:
        attempt = tell(client_of(redis), job, receiver.url())
        assert (attempt.status, attempt.delivered) == (status, status < 300)
        assert elsewhere.received.empty()


def test_what_a_busy_receiver_asks_for_is_heard(redis: Redis, job: Job) -> None:
    def busy(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(429)
        handler.send_header("Retry-After", "77")
        handler.end_headers()

    with Receiver(busy) as receiver:
        attempt = tell(client_of(redis), job, receiver.url())
    assert attempt == Attempt(429, "http_status", timedelta(seconds=77))


def test_an_address_that_is_not_allowed_is_never_connected_to(redis: Redis, job: Job) -> None:
    with RawReceiver(lambda: [b"HTTP/1.1 204 No Content\r\n\r\n"]) as receiver:
        for url in (f"http://127.0.0.1:{receiver.port}/", f"http://h.example:{receiver.port}/"):
            attempt = tell(client_of(redis, allowed=()), job, url)
            assert attempt == Attempt(error="address_refused")
        assert receiver.connections == 0


def test_a_name_that_changes_between_check_and_connection_changes_nothing(
    redis: Redis, job: Job
) -> None:
    # The first answer passes, and would be checked; the next is where the attack leads.
    answers = itertools.chain([["127.0.0.1"]], itertools.repeat(["127.0.0.2"]))
    asked = []

    def rebinding(host: str) -> list[str]:
        asked.append(host)
        return next(answers)

    only = (ipaddress.ip_network("127.0.0.1/32"),)
    with Receiver() as receiver:
        sender = client_of(redis, resolver=rebinding, allowed=only)
        assert tell(sender, job, receiver.url("h.example")).delivered
        assert asked == ["h.example"], "resolved once, and connected to what was checked"
        assert receiver.received.qsize() == 1
        # At the next attempt the name is resolved and checked anew.
        assert tell(sender, job, receiver.url("h.example")) == Attempt(error="address_refused")
        assert receiver.received.qsize() == 1


def test_the_next_address_is_tried_when_one_does_not_answer(redis: Redis, job: Job) -> None:
    with Receiver() as receiver:
        sender = client_of(redis, resolver=lambda _: ["127.0.0.9", "127.0.0.1"])
        assert tell(sender, job, receiver.url("h.example")).delivered


def test_a_proxy_of_the_environment_is_not_asked(
    redis: Redis, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        assert tell(client_of(redis), job, receiver.url("h.example")).delivered
        assert proxy.received.empty()


def test_tls_is_checked_against_the_name_and_not_the_address(redis: Redis, job: Job) -> None:
    authority = trustme.CA()
    server, client = (
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        ssl.create_default_context(),
    )
    authority.issue_cert("hooks.example").configure_cert(server)
    authority.configure_trust(client)
    with Receiver(tls=server) as receiver:
        trusting = client_of(redis, tls=client)
        assert tell(trusting, job, receiver.url("hooks.example", "https")).delivered
        for sender, host in (
            (trusting, "other.example"),
            (trusting, "127.0.0.1"),
            (client_of(redis), "hooks.example"),
        ):
            attempt = tell(sender, job, receiver.url(host, "https"))
            assert attempt == Attempt(error="tls")
        assert receiver.received.qsize() == 1


def endless_headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-More: " + b"x" * 1000 + b"\r\n"


def endless_body() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    while True:
        yield b"x" * 65536


def dripping_headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        time.sleep(0.05)
        yield b"x"


@pytest.mark.parametrize(
    ("pieces", "timeout", "expected"),
    [
        (endless_headers, LATE, Attempt(error="bad_answer")),
        (endless_body, LATE, Attempt(status=200)),
        (dripping_headers, SOON, Attempt(error="timeout")),
        (lambda: [b"SSH-2.0-OpenSSH_9.9\r\n"], LATE, Attempt(error="bad_answer")),
        (list, LATE, Attempt(error="bad_answer")),
    ],
)
def test_an_answer_that_is_huge_slow_or_none_is_bounded(
    redis: Redis, job: Job, pieces: object, timeout: timedelta, expected: Attempt
) -> None:
    with RawReceiver(pieces) as receiver:  # type: ignore[arg-type]
        url = f"http://127.0.0.1:{receiver.port}/"
        assert tell(client_of(redis, timeout=timeout), job, url) == expected


def test_a_receiver_that_never_answers_is_given_up(redis: Redis, job: Job) -> None:
    def wait(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read()  # until the sender hangs up

    with Receiver(wait) as receiver:
        attempt = tell(client_of(redis, timeout=SOON), job, receiver.url())
        assert attempt == Attempt(error="timeout")


def test_nobody_there_and_no_such_name_are_told_apart(redis: Redis, job: Job) -> None:
    def away(host: str) -> list[str]:
        raise OSError("no network")

    with Receiver() as receiver:
        gone = receiver.url()
    assert tell(client_of(redis), job, gone) == Attempt(error="unreachable")
    unknown = client_of(redis, resolver=away)
    assert tell(unknown, job, "http://h.example/") == Attempt(error="name_not_known")
