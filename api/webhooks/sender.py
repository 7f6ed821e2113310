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
from core.store.outbox import ClaimedDelivery, Outbox
from core.store.signing import WebhookSecrets
from core.webhooks.addresses import AddressGuard, TimedResolver
from core.webhooks.retries import decide
from core.webhooks.webhook import parse_url

_logger = logging.getLogger(__name__)

#: How long the name of a receiver may take to resolve.
_RESOLVE_SECONDS = 5.0

#: Half a second each: a delivery that Redis does not hear of is made again.
_PATIENCE = 20


class Sender:
    """Makes deliveries.

    Args:
        settings: the deployment's.
    """

    def __init__(self, settings: Settings) -> None:
        redis = connect(settings.redis_url, patience=_PATIENCE)
        self._delays = settings.webhook_retries
        self._outbox = Outbox(redis, settings.webhook_timeout)
        self._messenger = WebhookClient(
            AddressGuard(settings.webhook_allowed_networks, TimedResolver(_RESOLVE_SECONDS)),
            WebhookSecrets(redis, settings.webhook_secret.get_secret_value()),
            httpx.create_ssl_context(),
            settings.webhook_timeout,
            settings.public_url,
        )

    def send(self, taken: ClaimedDelivery) -> None:
        """Make one attempt, if it is still to be made, and write what came of it.

        Raises:
            ServiceUnavailable: Redis is away; the delivery will be due again.
        """
        try:
            begun = self._outbox.start(taken, max_attempts=len(self._delays) + 1)
        except NewerRecord as newer:
            _logger.warning(
                "webhook left alone: its job's record is of a newer schema",
                extra={"delivery": taken.id, "schema": newer.schema, "known": SCHEMA_VERSION},
            )
            return
        if begun is None:
            return
        assert begun.job.webhook is not None
        job = begun.job
        with (
            log_context(job_id=job.id, request_id=job.request_id),
            job_span(
                "webhook",
                traceparent=job.traceparent,
                job_id=job.id,
                request_id=job.request_id,
                event=begun.event.value,
                attempt=begun.attempts,
            ),
        ):
            attempt = self._messenger.attempt(begun.job, begun.event)
            verdict = decide(attempt, begun.attempts, self._delays)
            self._outbox.settle(begun, attempt, verdict)
            _logger.info(
                "webhook sent" if attempt.delivered else "webhook not delivered",
                extra={
                    "event": begun.event.value,
                    # Not all of the URL: its path may be a secret.
                    "receiver": parse_url(begun.job.webhook.url).authority,
                    "attempt": begun.attempts,
                    "http_status": attempt.status,
                    "reason": attempt.error,
                    "state": verdict.state.value,
                },
            )
