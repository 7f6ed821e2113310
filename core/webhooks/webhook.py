"""A job's webhook: its URL and events, and the state of its deliveries."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from core.errors import AddressRefused, FieldError
from core.webhooks.addresses import AddressGuard, parse_host

#: The form fields of a webhook.
URL_FIELD, EVENTS_FIELD, SECRET_FIELD = "webhook_url", "webhook_events", "webhook_secret"

#: The prefix of every webhook secret.
PREFIX = "whsec_"

#: The sizes of a secret that Standard Webhooks allows, in bytes.
_SECRET_BYTES = range(24, 65)

#: The longest URL, in characters.
MAX_URL = 2048
_URL_CHARACTERS = re.compile(r"[!#-;=?-\[\]_a-z~%]*", re.IGNORECASE)  # those of RFC 3986
_PORTS = {"http": 80, "https": 443}


class WebhookEvent(StrEnum):
    """An event of a job, or of a batch of jobs, that a webhook can report."""

    STARTED = "job.started"  #: A worker has started the job. Sent once, even if the job is retried.
    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELED = "job.canceled"
    BATCH_FINISHED = "batch.finished"  #: The last job of a batch has ended.

    @property
    def word(self) -> str:
        """The event without its prefix ``job.`` or ``batch.``."""
        return self.value.partition(".")[2]


#: The events that the webhook of a job reports.
JOB_EVENTS = tuple(event for event in WebhookEvent if event is not WebhookEvent.BATCH_FINISHED)

_BY_WORD = {event.word: event for event in WebhookEvent}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Webhook(_Frozen):
    """Where the events of a job or batch are sent, which of them, and how they are signed."""

    url: str
    events: tuple[WebhookEvent, ...] = JOB_EVENTS
    #: The secret that signs them; None: the secrets of the job's owner.
    secret: str | None = Field(default=None, repr=False)


class DeliveryState(StrEnum):
    """The state of a delivery. All states but ``PENDING`` are final."""

    PENDING = "pending"  #: Not delivered yet. The next attempt is at `next_attempt_at`.
    DELIVERED = "delivered"  #: The receiver answered with a 2xx status.
    FAILED = "failed"  #: All attempts were made, and none was answered with a 2xx status.
    STOPPED = "stopped"  #: The receiver answered 410, which stops all events of the job.


class Delivery(_Frozen):
    """The delivery of one event to the receiver."""

    state: DeliveryState = DeliveryState.PENDING
    #: Number of attempts made.
    attempts: int = 0
    #: HTTP status of the last response; None if there was none.
    last_status: int | None = None
    #: Why the last attempt failed: `http_status`, `timeout`, `unreachable`,
    #: `tls`, `address_refused`, `name_not_known`, `bad_answer`, `internal_error`.
    last_error: str | None = None
    last_attempt_at: datetime | None = None
    next_attempt_at: datetime | None = None


class Target(_Frozen):
    """A parsed webhook URL. The same parts are checked and connected to."""

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
    """Parse the URL of a webhook.

    Raises:
        ValueError: webhooks cannot be sent to the URL. The message is the reason.
    """
    if len(url) > MAX_URL:
        raise ValueError(f"has {len(url)} characters; at most {MAX_URL} are allowed")
    if not _URL_CHARACTERS.fullmatch(url):
        raise ValueError("has characters that a URL cannot have; percent-encode them")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"is not a URL: {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(
            f"{url!r} is not an http or https URL; expected one such as https://example.com/easel"
        )
    if "@" in parts.netloc:
        raise ValueError("has a user name; use the path or the query for credentials")
    if "#" in url:
        raise ValueError("has a fragment, which is never sent; remove the # and what follows")
    if port is not None and port not in (80, 443) and port < 1024:
        raise ValueError(f"has port {port}; expected 80, 443, or a port from 1024 on")
    parse_host(parts.hostname)
    path = parts.path or "/"
    return Target(
        scheme=parts.scheme,
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        path=f"{path}?{parts.query}" if parts.query else path,
    )


def check_secret(secret: str) -> None:
    """Check that a secret has the form that Standard Webhooks specifies.

    Raises:
        ValueError: it has not. The message does not contain it.
    """
    try:
        size = len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except ValueError:
        size = 0
    if not secret.startswith(PREFIX) or size not in _SECRET_BYTES:
        raise ValueError(
            f"is invalid; expected {PREFIX} followed by 24 to 64 bytes in base64, for "
            f"example from: echo {PREFIX}$(openssl rand -base64 32)"
        )


def parse_webhook(
    url: str | None, events: str | None, secret: str | None, guard: AddressGuard
) -> tuple[Webhook | None, list[FieldError]]:
    """Return the webhook of a form, or the errors of its fields.

    Args:
        url: the field ``webhook_url``, or None.
        events: the field ``webhook_events``, comma-separated names, or None.
        secret: the field ``webhook_secret``, or None.
        guard: checks the host of the URL.
    """
    chosen, errors = _chosen(events)
    if secret is not None:
        try:
            check_secret(secret)
        except ValueError as error:
            errors.append(FieldError(SECRET_FIELD, str(error)))
    if url is None:
        given = {EVENTS_FIELD: events, SECRET_FIELD: secret}
        useless = [name for name, value in given.items() if value is not None]
        return None, errors + [
            FieldError(name, f"requires a {URL_FIELD}; add one, or leave out {name}")
            for name in useless
        ]
    try:
        guard.check(parse_url(url).host)
    except (ValueError, AddressRefused) as error:
        errors.append(FieldError(URL_FIELD, str(error)))
    return (None if errors else Webhook(url=url, events=chosen, secret=secret)), errors


def _chosen(events: str | None) -> tuple[tuple[WebhookEvent, ...], list[FieldError]]:
    """Return the events with these comma-separated names; all of them if there are no names."""
    if events is None:
        return JOB_EVENTS, []
    names = [name.strip() for name in events.split(",")]
    known = {event.value: event for event in JOB_EVENTS}
    chosen = tuple(event for name, event in known.items() if name in names)
    unknown = [name for name in names if name not in known]
    if not unknown:
        return chosen, []
    offered = ", ".join(known)
    message = f"unknown events {', '.join(map(repr, unknown))}; expected some of {offered}"
    return chosen, [FieldError(EVENTS_FIELD, message)]


def delivery_id(job_id: str, event: WebhookEvent) -> str:
    """Return the ``webhook-id`` of an event, which is the same for all attempts."""
    return f"{job_id}-{event.word}"


def parse_delivery_id(text: str) -> tuple[str, WebhookEvent]:
    """Return the id of the job or batch, and the event, of a ``webhook-id``.

    Raises:
        ValueError: the text is not a ``webhook-id``.
    """
    job_id, _, word = text.rpartition("-")
    if word not in _BY_WORD:
        raise ValueError(f"{text!r} does not end with an event; expected one of {list(_BY_WORD)}")
    return job_id, _BY_WORD[word]
