"""One attempt of a delivery: its body, its signature, the checked address, and the limits."""

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
from core.store.webhooks.secrets import WebhookSecrets
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


def deliver(sender: WebhookClient, job: Job, url: str) -> Attempt:
    return sender.attempt(sent_to(job, url), WebhookEvent.SUCCEEDED)


def test_the_receiver_can_verify_the_signed_job(redis: Redis, job: Job) -> None:
    with Receiver() as receiver:
        assert deliver(client_of(redis), job, receiver.url("hooks.example")) == Attempt(status=204)
        request = receiver.next()
    (secret,) = WebhookSecrets(redis).of(job.owner)
    Verifier(secret).verify(request.body, request.headers)
    assert request.headers["webhook-id"] == f"{job.id}-succeeded"
    assert request.headers["host"] == f"hooks.example:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.path == "/easel"
    message = json.loads(request.body)
    assert message["type"] == "job.succeeded"
    assert message["timestamp"] == message["data"]["finished_at"]
    assert (message["data"]["id"], message["data"]["status"]) == (job.id, "succeeded")
    assert message["data"]["links"]["result"] == f"/jobs/{job.id}/result"
    assert len(request.body) < 20_000
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(request.body.replace("succeeded", "failed"), request.headers)


def test_links_start_with_the_public_url(job: Job) -> None:
    body = json.loads(body_of(job, WebhookEvent.SUCCEEDED, "https://easel.example/api"))
    links = body["data"]["links"]
    assert links["result"] == f"https://easel.example/api/jobs/{job.id}/result"
    assert all(link.startswith("https://easel.example/api/jobs/") for link in links.values())


def test_during_rotation_both_secrets_sign(redis: Redis, job: Job) -> None:
    with Receiver() as receiver:
        deliver(client_of(redis, secret=f"{NEW} {OLD}"), job, receiver.url())
        request = receiver.next()
    for secret in (NEW, OLD):
        Verifier(secret).verify(request.body, request.headers)


def test_the_secret_of_a_job_signs_its_events_and_no_other_does(redis: Redis, job: Job) -> None:
    with Receiver() as receiver:
        webhook = Webhook(url=receiver.url(), secret=OLD)
        own = job.model_copy(update={"webhook": webhook})
        client_of(redis, secret=NEW).attempt(own, WebhookEvent.SUCCEEDED)
        request = receiver.next()
    Verifier(OLD).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(NEW).verify(request.body, request.headers)


def test_every_owner_has_a_permanent_secret(redis: Redis) -> None:
    made = WebhookSecrets(redis).of("ann")
    assert WebhookSecrets(redis).of("ann") == made
    assert WebhookSecrets(redis).of("bob") != made
    assert made[0].startswith("whsec_")


@pytest.mark.parametrize("secret", ["hush", "whsec_", "whsec_QUJD", "whsec_###", NEW + " x"])
def test_an_invalid_secret_is_rejected_with_an_example(redis: Redis, secret: str) -> None:
    with pytest.raises(InvalidSetting, match="openssl rand -base64 32"):
        WebhookSecrets(redis, secret)


def test_the_body_is_the_same_in_every_attempt(store: JobStore) -> None:
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
        attempt = deliver(client_of(redis), job, receiver.url())
        assert (attempt.status, attempt.delivered) == (status, status < 300)
        assert elsewhere.received.empty()


def test_retry_after_of_a_receiver_is_read(redis: Redis, job: Job) -> None:
    def busy(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(429)
        handler.send_header("Retry-After", "77")
        handler.end_headers()

    with Receiver(busy) as receiver:
        attempt = deliver(client_of(redis), job, receiver.url())
    assert attempt == Attempt(429, "http_status", timedelta(seconds=77))


def test_a_refused_address_is_never_connected_to(redis: Redis, job: Job) -> None:
    with RawReceiver(lambda: [b"HTTP/1.1 204 No Content\r\n\r\n"]) as receiver:
        for url in (f"http://127.0.0.1:{receiver.port}/", f"http://h.example:{receiver.port}/"):
            attempt = deliver(client_of(redis, allowed=()), job, url)
            assert attempt == Attempt(error="address_refused")
        assert receiver.connections == 0


def test_dns_rebinding_has_no_effect(redis: Redis, job: Job) -> None:
    # The first answer is allowed; the second is the target of the attack.
    answers = itertools.chain([["127.0.0.1"]], itertools.repeat(["127.0.0.2"]))
    lookups: list[str] = []

    def rebinding(host: str) -> list[str]:
        lookups.append(host)
        return next(answers)

    only = (ipaddress.ip_network("127.0.0.1/32"),)
    with Receiver() as receiver:
        sender = client_of(redis, resolver=rebinding, allowed=only)
        assert deliver(sender, job, receiver.url("h.example")).delivered
        assert lookups == ["h.example"], "resolved more than once"
        assert receiver.received.qsize() == 1
        # The next attempt resolves and checks the name again.
        assert deliver(sender, job, receiver.url("h.example")) == Attempt(error="address_refused")
        assert receiver.received.qsize() == 1


def test_the_next_address_is_tried_after_a_failed_connection(redis: Redis, job: Job) -> None:
    with Receiver() as receiver:
        sender = client_of(redis, resolver=lambda _: ["127.0.0.9", "127.0.0.1"])
        assert deliver(sender, job, receiver.url("h.example")).delivered


def test_proxies_of_the_environment_are_ignored(
    redis: Redis, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        assert deliver(client_of(redis), job, receiver.url("h.example")).delivered
        assert proxy.received.empty()


def test_tls_verifies_the_name_and_not_the_address(redis: Redis, job: Job) -> None:
    authority = trustme.CA()
    server, client = (
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        ssl.create_default_context(),
    )
    authority.issue_cert("hooks.example").configure_cert(server)
    authority.configure_trust(client)
    with Receiver(tls=server) as receiver:
        trusting = client_of(redis, tls=client)
        assert deliver(trusting, job, receiver.url("hooks.example", "https")).delivered
        for sender, host in (
            (trusting, "other.example"),
            (trusting, "127.0.0.1"),
            (client_of(redis), "hooks.example"),
        ):
            attempt = deliver(sender, job, receiver.url(host, "https"))
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
def test_huge_slow_and_invalid_responses_are_bounded(
    redis: Redis, job: Job, pieces: object, timeout: timedelta, expected: Attempt
) -> None:
    with RawReceiver(pieces) as receiver:  # type: ignore[arg-type]
        url = f"http://127.0.0.1:{receiver.port}/"
        assert deliver(client_of(redis, timeout=timeout), job, url) == expected


def test_a_receiver_that_never_responds_times_out(redis: Redis, job: Job) -> None:
    def wait(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read()  # until the sender hangs up

    with Receiver(wait) as receiver:
        attempt = deliver(client_of(redis, timeout=SOON), job, receiver.url())
        assert attempt == Attempt(error="timeout")


def test_a_refused_connection_and_an_unknown_name_have_different_codes(
    redis: Redis, job: Job
) -> None:
    def away(host: str) -> list[str]:
        raise OSError("no network")

    with Receiver() as receiver:
        gone = receiver.url()
    assert deliver(client_of(redis), job, gone) == Attempt(error="unreachable")
    unknown = client_of(redis, resolver=away)
    assert deliver(unknown, job, "http://h.example/") == Attempt(error="name_not_known")


def test_an_unexpected_error_is_a_failed_attempt_and_is_logged(
    redis: Redis, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(host: str) -> list[str]:
        raise KeyError(host)

    attempt = deliver(client_of(redis, resolver=broken), job, "http://h.example/")
    assert attempt == Attempt(error="internal_error")
    assert "webhook attempt failed unexpectedly" in caplog.messages
