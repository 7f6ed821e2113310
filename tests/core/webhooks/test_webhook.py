"""What a caller can ask to be told, and where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.jobs.job import new_job_id
from core.webhooks.addresses import AddressGuard, PromptGuard
from core.webhooks.retries import DELAYS, Attempt, judge, read_retry_after
from core.webhooks.webhook import (
    Target,
    WebhookEvent,
    delivery_id,
    parse_url,
    read_delivery_id,
    read_webhook,
)

GUARD = PromptGuard(AddressGuard(resolver=lambda _: ["93.184.216.34"]))


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
def test_a_url_is_taken_apart(url: str, target: tuple[object, ...], authority: str) -> None:
    found = parse_url(url)
    assert (found.scheme, found.host, found.port, found.path) == target
    assert found.authority == authority


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no http or https URL"),
        ("example.com/x", "no http or https URL"),
        ("ftp://example.com", "no http or https URL"),
        ("file:///etc/passwd", "no http or https URL"),
        ("gopher://example.com:6379/_x", "no http or https URL"),
        ("https://", "no http or https URL"),
        ("https:example.com", "no http or https URL"),
        ("https://user:pass@example.com", "user name"),
        ("https://example.com@10.0.0.1/", "user name"),
        ("https://example.com\\@10.0.0.1/", "characters"),
        ("https://example.com/ x", "characters"),
        ("https://example.com/\r\nX: y", "characters"),
        ("https://exämple.com/", "characters"),
        ("https://example.com/#top", "fragment"),
        ("https://example.com:25/", "port 25"),
        ("https://example.com:0/", "port 0"),
        ("https://example.com:99999/", "no URL"),
        ("https://example.com:x/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://0x7f.1/", "four decimal numbers"),
        ("https://2130706433/", "four decimal numbers"),
        ("https://127.0.0.1/", "no public address"),
        ("https://[::ffff:127.0.0.1]/", "no public address"),
        ("https://example.com/" + "a" * 2048, "2068 characters; at most 2048"),
    ],
)
def test_a_url_that_nothing_is_sent_to_is_refused_with_the_reason(url: str, reason: str) -> None:
    webhook, (error,) = read_webhook(url, None, GUARD)
    assert (webhook, error.field) == (None, "webhook_url")
    assert reason in error.message


def test_events_are_chosen_by_name_and_all_by_default() -> None:
    webhook, errors = read_webhook("https://h.example/", None, GUARD)
    assert webhook is not None
    assert (webhook.events, errors) == (tuple(WebhookEvent), [])
    webhook, _ = read_webhook("https://h.example/", "job.failed, job.succeeded", GUARD)
    assert webhook is not None
    assert webhook.events == (WebhookEvent.SUCCEEDED, WebhookEvent.FAILED)


@pytest.mark.parametrize(
    ("url", "events", "reason"),
    [
        ("https://h.example/", "job.done", "'job.done' is no event; expected some of job.started,"),
        ("https://h.example/", "", "'' is no event"),
        (None, "job.failed", "only with a webhook_url"),
    ],
)
def test_wrong_events_are_refused(url: str | None, events: str, reason: str) -> None:
    webhook, (error,) = read_webhook(url, events, GUARD)
    assert (webhook, error.field) == (None, "webhook_events")
    assert reason in error.message


def test_without_the_fields_there_is_no_webhook() -> None:
    assert read_webhook(None, None, GUARD) == (None, [])


@pytest.mark.parametrize("event", WebhookEvent)
def test_the_id_of_a_delivery_says_what_it_is_of(event: WebhookEvent) -> None:
    job_id = new_job_id()
    assert read_delivery_id(delivery_id(job_id, event)) == (job_id, event)
    assert "." not in delivery_id(job_id, event)  # the signature joins with full stops


@pytest.mark.parametrize(
    ("attempt", "made", "state", "least", "most"),
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
def test_what_follows_an_attempt(
    attempt: Attempt, made: int, state: str, least: float | None, most: float | None
) -> None:
    verdict = judge(attempt, made, DELAYS)
    assert verdict.state == state
    if least is None or most is None:
        assert verdict.delay is None
    else:
        assert verdict.delay is not None
        assert least <= verdict.delay.total_seconds() <= most


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
    ],
)
def test_a_retry_after_is_read_in_both_its_forms(value: str, seconds: float | None) -> None:
    found = read_retry_after(value, datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert found == (None if seconds is None else timedelta(seconds=seconds))


def test_a_target_is_compared_by_its_parts() -> None:
    assert parse_url("http://h.example:80/") == Target(
        scheme="http", host="h.example", port=80, path="/"
    )
