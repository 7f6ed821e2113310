"""URLs and events of webhooks, delivery ids and retries."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from core.jobs.job import new_job_id
from core.webhooks.addresses import AddressGuard
from core.webhooks.retries import DELAYS, Attempt, decide, parse_retry_after
from core.webhooks.webhook import (
    JOB_EVENTS,
    WebhookEvent,
    delivery_id,
    parse_delivery_id,
    parse_url,
    parse_webhook,
)

GUARD = AddressGuard(resolver=lambda _: ["93.184.216.34"])


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://example.com", ("https", "example.com", 443, "/"), "example.com"),
        ("http://EXAMPLE.com:80/a?b=c", ("http", "example.com", 80, "/a?b=c"), "example.com"),
        ("https://example.com:8443/x", ("https", "example.com", 8443, "/x"), "example.com:8443"),
        ("https://h.example?q", ("https", "h.example", 443, "/?q"), "h.example"),
        ("http://[2606::1]:8080/", ("http", "2606::1", 8080, "/"), "[2606::1]:8080"),
        ("https://h.example/a@b%20", ("https", "h.example", 443, "/a@b%20"), "h.example"),
    ],
)
def test_a_url_is_parsed_into_its_parts(
    url: str, target: tuple[object, ...], authority: str
) -> None:
    parsed = parse_url(url)
    assert (parsed.scheme, parsed.host, parsed.port, parsed.path) == target
    assert parsed.authority == authority


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not an http or https URL"),
        ("example.com/x", "not an http or https URL"),
        ("ftp://example.com", "'ftp://example.com' is not an http or https URL"),
        ("file:///etc/passwd", "not an http or https URL"),
        ("gopher://example.com:6379/_x", "not an http or https URL"),
        ("https://", "not an http or https URL"),
        ("https:example.com", "not an http or https URL"),
        ("https://user:pass@example.com", "user name"),
        ("https://example.com@10.0.0.1/", "user name"),
        ("https://example.com\\@10.0.0.1/", "characters"),
        ("https://example.com/ x", "characters"),
        ("https://example.com/\r\nX: y", "characters"),
        ("https://exämple.com/", "characters"),
        ("https://example.com/#top", "fragment"),
        ("https://example.com:25/", "port 25"),
        ("https://example.com:0/", "port 0"),
        ("https://example.com:99999/", "not a URL"),
        ("https://example.com:x/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://0x7f.1/", "four decimal numbers"),
        ("https://2130706433/", "four decimal numbers"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://[::ffff:127.0.0.1]/", "not a public address"),
        ("https://example.com/" + "a" * 2048, "2068 characters; at most 2048"),
    ],
)
def test_the_error_for_an_invalid_url_has_the_reason(url: str, reason: str) -> None:
    webhook, (error,) = parse_webhook(url, None, None, GUARD)
    assert (webhook, error.field) == (None, "webhook_url")
    assert reason in error.message


def test_events_are_chosen_by_name_and_all_by_default() -> None:
    webhook, errors = parse_webhook("https://h.example/", None, None, GUARD)
    assert webhook is not None
    assert (webhook.events, errors) == (JOB_EVENTS, [])
    webhook, _ = parse_webhook("https://h.example/", "job.failed, job.succeeded", None, GUARD)
    assert webhook is not None
    assert webhook.events == (WebhookEvent.SUCCEEDED, WebhookEvent.FAILED)


@pytest.mark.parametrize(
    ("url", "events", "reason"),
    [
        (
            "https://h.example/",
            "job.done",
            "unknown events 'job.done'; expected some of job.started,",
        ),
        ("https://h.example/", "", "unknown events ''"),
        (None, "job.failed", "requires a webhook_url"),
    ],
)
def test_invalid_events_are_refused(url: str | None, events: str, reason: str) -> None:
    webhook, (error,) = parse_webhook(url, events, None, GUARD)
    assert (webhook, error.field) == (None, "webhook_events")
    assert reason in error.message


@pytest.mark.parametrize("size", [24, 64])
def test_a_job_can_have_a_secret_of_its_own(size: int) -> None:
    secret = "whsec_" + base64.b64encode(bytes(size)).decode()
    webhook, errors = parse_webhook("https://h.example/", None, secret, GUARD)
    assert webhook is not None
    assert (webhook.secret, errors) == (secret, [])
    assert secret not in repr(webhook)


@pytest.mark.parametrize(
    ("url", "secret", "reason"),
    [
        ("https://h.example/", "hush", "expected whsec_ followed by 24 to 64 bytes in base64"),
        ("https://h.example/", "whsec_" + base64.b64encode(bytes(23)).decode(), "24 to 64 bytes"),
        ("https://h.example/", "whsec_" + base64.b64encode(bytes(65)).decode(), "24 to 64 bytes"),
        ("https://h.example/", base64.b64encode(bytes(32)).decode(), "expected whsec_"),
        (None, "whsec_" + base64.b64encode(bytes(32)).decode(), "requires a webhook_url"),
    ],
)
def test_an_invalid_secret_is_refused_without_repeating_it(
    url: str | None, secret: str, reason: str
) -> None:
    webhook, (error,) = parse_webhook(url, None, secret, GUARD)
    assert (webhook, error.field) == (None, "webhook_secret")
    assert reason in error.message
    assert secret not in error.message


def test_a_form_without_the_fields_has_no_webhook() -> None:
    assert parse_webhook(None, None, None, GUARD) == (None, [])


@pytest.mark.parametrize("event", WebhookEvent)
def test_a_delivery_id_identifies_the_job_and_the_event(event: WebhookEvent) -> None:
    job_id = new_job_id()
    assert parse_delivery_id(delivery_id(job_id, event)) == (job_id, event)
    assert "." not in delivery_id(job_id, event)  # the signature joins with full stops


@pytest.mark.parametrize(
    ("attempt", "attempts", "state", "least", "most"),
    [
        (Attempt(status=200), 1, "delivered", None, None),
        (Attempt(status=299), 9, "delivered", None, None),
        (Attempt(status=410), 1, "stopped", None, None),
        (Attempt(status=302), 1, "pending", 5, 5.5),
        (Attempt(status=404), 2, "pending", 300, 330),
        (Attempt(error="timeout"), 9, "pending", 86400, 95040),
        (Attempt(status=500), 10, "failed", None, None),
        (Attempt(status=429, retry_after=timedelta(minutes=9)), 2, "pending", 540, 594),
        (Attempt(status=503, retry_after=timedelta(days=99)), 1, "pending", 86400, 95040),
        (Attempt(status=429, retry_after=timedelta(seconds=1)), 2, "pending", 300, 330),
        (Attempt(status=500, retry_after=timedelta(days=99)), 1, "pending", 5, 5.5),
    ],
)
def test_an_attempt_decides_the_next_state_and_delay(
    attempt: Attempt, attempts: int, state: str, least: float | None, most: float | None
) -> None:
    decision = decide(attempt, attempts, DELAYS)
    assert decision.state == state
    if least is None or most is None:
        assert decision.delay is None
    else:
        assert decision.delay is not None
        assert least <= decision.delay.total_seconds() <= most


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("Sun, 22 Nov 2026 12:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("9" * 400, 10**9),
        ("Fri, 31 Dec " + "9" * 20 + " 23:59:59 GMT", None),
        ("Sun, 22 Nov 2026 12:01:00 +" + "9" * 20, None),
    ],
)
def test_retry_after_is_parsed_as_seconds_and_as_a_date(value: str, seconds: float | None) -> None:
    delay = parse_retry_after(value, datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert delay == (None if seconds is None else timedelta(seconds=seconds))
