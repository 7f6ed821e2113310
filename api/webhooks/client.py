"""Posts an event to a receiver: the body, the signature and the request of one attempt."""

from __future__ import annotations

import json
import logging
import ssl
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import httpcore

from api.answers.batch_json import batch_document
from api.answers.job_json import snapshot_of
from api.webhooks.pinning import Deadline, PinnedBackend
from core.errors import AddressRefused, EaselError, NameNotResolved
from core.jobs.batch import Batch
from core.jobs.job import Job, account_of
from core.jobs.status import JobStatus
from core.store.webhooks.secrets import WebhookSecrets, sign_webhook
from core.webhooks.addresses import AddressGuard
from core.webhooks.retries import Attempt, parse_retry_after
from core.webhooks.webhook import Target, WebhookEvent, delivery_id, parse_url

_logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 5.0

#: The limit for the status line and the headers. The body of a response is not read.
_MAX_RESPONSE_BYTES = 64 * 1024

#: The error codes of failed attempts, as shown on the job.
_ERROR_CODES: dict[type[Exception], str] = {
    AddressRefused: AddressRefused.code,
    NameNotResolved: NameNotResolved.code,
    httpcore.TimeoutException: "timeout",
    httpcore.ProtocolError: "bad_answer",
    ssl.SSLError: "tls",
    httpcore.NetworkError: "unreachable",
}


#: The fields of a job that has just started, whatever became of it.
_AS_STARTED = {
    "status": JobStatus.RUNNING,
    "attempt": 1,
    "handed_back": 0,
    "finished_at": None,
    **dict.fromkeys(("progress", "result", "metrics", "error")),
}


def body_of(subject: Job | Batch, event: WebhookEvent, server: str = "") -> str:
    """Return the body of a webhook, which is the same in every attempt.

    It contains the job or batch as the event left it, without the deliveries, which change.

    Args:
        subject: the job or batch.
        event: the event.
        server: the prefix of the links. Without it they are relative.
    """
    shown = subject.model_copy(update={"deliveries": {}})
    at = shown.finished_at
    if isinstance(shown, Batch):
        document = batch_document(shown, server)
    else:
        if event is WebhookEvent.STARTED:
            at = shown.started_at
            shown = shown.model_copy(update=_AS_STARTED)
        document = snapshot_of(shown).document(server)
    assert at is not None
    payload = {
        "type": event.value,
        "timestamp": at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "data": json.loads(document),
    }
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False)


class WebhookClient:
    """Posts signed events to receivers.

    Args:
        guard: checks the addresses of receivers.
        secrets: the secrets that sign the body.
        tls: the trusted certificates.
        timeout: the limit for one attempt, from the connection to the headers of the response.
        server: the public URL of the API, the prefix of the links.
    """

    def __init__(
        self,
        guard: AddressGuard,
        secrets: WebhookSecrets,
        tls: ssl.SSLContext,
        timeout: timedelta,
        server: str = "",
    ) -> None:
        self._guard = guard
        self._secrets = secrets
        self._tls = tls
        self._timeout = timeout
        self._server = server

    def attempt(self, job: Job | Batch, event: WebhookEvent) -> Attempt:
        """Post an event to the receiver of a job or batch, once.

        An unexpected error is a failed attempt too. Otherwise the delivery would be due again
        as soon as its claim expires, and not at its next retry.

        Raises:
            RedisUnavailable: the secrets cannot be read.
        """
        assert job.webhook is not None
        body = body_of(job, event, self._server)
        message_id, now = delivery_id(job.id, event), datetime.now(UTC)
        own = job.webhook.secret
        keys = (own,) if own else self._secrets.of(account_of(job.owner))
        headers: dict[bytes | str, bytes | str] = {
            "Content-Type": "application/json",
            "User-Agent": f"Easel/{version('easel')}",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": sign_webhook(keys, message_id, now, body),
        }
        try:
            return self._post(parse_url(job.webhook.url), headers, body.encode())
        except tuple(_ERROR_CODES) as error:
            return Attempt(error=_error_code(error))
        except Exception:
            _logger.exception("webhook attempt failed unexpectedly")
            return Attempt(error=EaselError.code)

    def _post(
        self, target: Target, headers: dict[bytes | str, bytes | str], body: bytes
    ) -> Attempt:
        deadline = Deadline(self._timeout.total_seconds())
        url = httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        backend = PinnedBackend(self._guard, deadline, _MAX_RESPONSE_BYTES)
        with (
            # Not shared, so that every attempt resolves and checks the name again.
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool,
            pool.stream(
                "POST",
                url,
                headers={"Host": target.authority, **headers},
                content=body,
                extensions={"timeout": {"connect": _CONNECT_SECONDS, "pool": _CONNECT_SECONDS}},
            ) as response,
        ):
            response_headers = {name.lower(): value for name, value in response.headers}
            retry_after = response_headers.get(b"retry-after", b"")
            return Attempt(
                status=response.status,
                error=None if 200 <= response.status < 300 else "http_status",
                retry_after=parse_retry_after(retry_after.decode("latin-1")),
            )


def _error_code(error: Exception) -> str:
    causes = {type(each) for each in (error, error.__cause__, error.__context__) if each}
    if any(issubclass(cause, ssl.SSLError) for cause in causes):
        return "tls"  # httpcore wraps it in a ConnectError
    return next(code for kind, code in _ERROR_CODES.items() if isinstance(error, kind))
