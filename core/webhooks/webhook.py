"""Webhooks: what a caller can ask to be told, and how a delivery stands."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from core.errors import AddressRefused, FieldError
from core.webhooks.addresses import PromptGuard, read_host

#: The form fields of a webhook.
URL_FIELD, EVENTS_FIELD = "webhook_url", "webhook_events"

#: The longest URL that is taken.
MAX_URL = 2048
_URL_CHARACTERS = re.compile(r"[!#-;=?-\[\]_a-z~%]*", re.IGNORECASE)  # RFC 3986's, and no other
_PORTS = {"http": 80, "https": 443}


class WebhookEvent(StrEnum):
    """What a webhook tells of."""

    STARTED = "job.started"  #: A worker has begun the job; told once, whatever happens then.
    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELED = "job.canceled"

    @property
    def word(self) -> str:
        """The event without its noun."""
        return self.value.removeprefix("job.")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Webhook(_Frozen):
    """Where a job's events go, and which."""

    url: str
    events: tuple[WebhookEvent, ...] = tuple(WebhookEvent)


class DeliveryState(StrEnum):
    """How the delivery of an event stands. The last three are final."""

    PENDING = "pending"  #: Not delivered yet; `next_attempt_at` says when it is tried.
    DELIVERED = "delivered"  #: The receiver has answered with a 2xx.
    FAILED = "failed"  #: All attempts were made, and none was answered with a 2xx.
    STOPPED = "stopped"  #: The receiver has answered 410: it wants no more of this job.


class Delivery(_Frozen):
    """One event on its way to the receiver."""

    state: DeliveryState = DeliveryState.PENDING
    #: How many attempts have been made.
    attempts: int = 0
    #: The HTTP status of the last answer; None when there was none.
    last_status: int | None = None
    #: Why the last attempt failed, in a word: `http_status`, `timeout`, `unreachable`,
    #: `tls`, `address_refused`, `name_not_known`, `bad_answer`.
    last_error: str | None = None
    last_attempt_at: datetime | None = None
    next_attempt_at: datetime | None = None


class Target(_Frozen):
    """A URL in its parts, as they are checked and as they are connected to."""

    scheme: str
    host: str
    port: int
    #: Path and query.
    path: str

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str) -> Target:
    """Take a webhook's URL apart.

    Raises:
        ValueError: it is none that Easel sends to, and why.
    """
    if len(url) > MAX_URL:
        raise ValueError(f"has {len(url)} characters; at most {MAX_URL} are allowed")
    if not _URL_CHARACTERS.fullmatch(url):
        raise ValueError("has characters that a URL cannot have; write them in their %-form")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("is no http or https URL, as in https://example.com/easel")
    if "@" in parts.netloc:
        raise ValueError("has a user name in it; put what you need to know into the path or query")
    if "#" in url:
        raise ValueError("has a fragment, which is never sent; leave out what begins at the #")
    if port is not None and port not in (80, 443) and port < 1024:
        raise ValueError(f"has port {port}; use 80, 443, or one from 1024 on")
    read_host(parts.hostname)
    path = parts.path or "/"
    return Target(
        scheme=parts.scheme,
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        path=f"{path}?{parts.query}" if parts.query else path,
    )


def read_webhook(
    url: str | None, events: str | None, guard: PromptGuard
) -> tuple[Webhook | None, list[FieldError]]:
    """What the form's fields ask for, or what is wrong with them.

    Args:
        url: the field ``webhook_url``; None where it is not there.
        events: the field ``webhook_events``, names with commas between.
        guard: knows where nothing is sent.
    """
    errors = []
    chosen = tuple(WebhookEvent)
    if events is not None:
        names = [name.strip() for name in events.split(",")]
        known = {event.value: event for event in WebhookEvent}
        if unknown := [name for name in names if name not in known]:
            offered = ", ".join(known)
            message = f"{', '.join(map(repr, unknown))} is no event; expected some of {offered}"
            errors.append(FieldError(EVENTS_FIELD, message))
        chosen = tuple(event for name, event in known.items() if name in names)
        if url is None:
            message = f"is of use only with a {URL_FIELD}; add one, or leave it out"
            errors.append(FieldError(EVENTS_FIELD, message))
    if url is None:
        return None, errors
    try:
        guard.check(parse_url(url).host)
    except (ValueError, AddressRefused) as error:
        errors.append(FieldError(URL_FIELD, str(error)))
    return (None if errors else Webhook(url=url, events=chosen)), errors


def delivery_id(job_id: str, event: WebhookEvent) -> str:
    """The ``webhook-id``: the same at every attempt to tell of this event."""
    return f"{job_id}-{event.word}"


def read_delivery_id(text: str) -> tuple[str, WebhookEvent]:
    """The job and the event of a ``webhook-id``.

    Raises:
        ValueError: it is none.
    """
    job_id, _, word = text.rpartition("-")
    return job_id, WebhookEvent(f"job.{word}")
