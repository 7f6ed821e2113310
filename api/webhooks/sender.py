"""Sends a webhook: one attempt of a delivery, and the decision whether it is retried."""

from __future__ import annotations

import logging

import httpx

from api.webhooks.client import WebhookClient
from core.errors import NewerRecord
from core.jobs.schema_version import SCHEMA_VERSION
from core.runtime.logs import log_context
from core.runtime.redis import connect
from core.runtime.tracing import job_span
from core.settings.model import Settings
from core.store.webhooks.outbox import ClaimedDelivery, Outbox
from core.store.webhooks.secrets import WebhookSecrets
from core.webhooks.addresses import AddressGuard, TimedResolver
from core.webhooks.retries import decide
from core.webhooks.webhook import parse_url

_logger = logging.getLogger(__name__)

#: The time limit for resolving the name of a receiver.
_RESOLVE_SECONDS = 5.0

#: Retries of a Redis command, half a second each. If the outcome cannot be stored, the delivery
#: is repeated.
_PATIENCE = 20


class Sender:
    """Makes delivery attempts.

    Args:
        settings: the settings of the deployment.
    """

    def __init__(self, settings: Settings) -> None:
        redis = connect(settings.redis_url, patience=_PATIENCE)
        self._delays = settings.webhook_retries
        self._outbox = Outbox(redis, settings.webhook_timeout)
        self._client = WebhookClient(
            AddressGuard(settings.webhook_allowed_networks, TimedResolver(_RESOLVE_SECONDS)),
            WebhookSecrets(redis, settings.webhook_secret.get_secret_value()),
            httpx.create_ssl_context(),
            settings.webhook_timeout,
            settings.public_url or settings.root_path,
        )

    def send(self, claimed: ClaimedDelivery) -> None:
        """Make one attempt, unless the delivery is settled already, and store its outcome.

        Raises:
            ServiceUnavailable: Redis does not respond. The delivery becomes due again.
        """
        try:
            started = self._outbox.start(claimed, max_attempts=len(self._delays) + 1)
        except NewerRecord as newer:
            _logger.warning(
                "webhook left alone: its job's record is of a newer schema",
                extra={"delivery": claimed.id, "schema": newer.schema, "known": SCHEMA_VERSION},
            )
            return
        if started is None:
            return
        assert started.job.webhook is not None
        job = started.job
        with (
            log_context(job_id=job.id, request_id=job.request_id),
            job_span(
                "webhook",
                traceparent=job.traceparent,
                job_id=job.id,
                request_id=job.request_id,
                event=started.event.value,
                attempt=started.attempts,
            ),
        ):
            attempt = self._client.attempt(started.job, started.event)
            decision = decide(attempt, started.attempts, self._delays)
            self._outbox.settle(started, attempt, decision)
            _logger.info(
                "webhook sent" if attempt.delivered else "webhook not delivered",
                extra={
                    "event": started.event.value,
                    # Without the path of the URL, which may contain a secret.
                    "receiver": parse_url(started.job.webhook.url).authority,
                    "attempt": started.attempts,
                    "http_status": attempt.status,
                    "reason": attempt.error,
                    "state": decision.state.value,
                },
            )
