"""Webhook signatures, and the secrets that make them, stored in Redis."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from core.errors import InvalidSetting, SecretConfigured
from core.runtime.redis import needs_redis
from core.store.keys import WEBHOOK_RETIRED_PREFIX, WEBHOOK_SECRETS
from core.store.scripts import script
from core.webhooks.webhook import PREFIX, check_secret

if TYPE_CHECKING:
    from redis import Redis

_SECRET_BYTES = 32

#: The maximum of previous secrets of a caller: each takes memory, and a signature in each request.
_MAX_RETIRED = 10


class WebhookSecrets:
    """The secrets that sign the webhooks of each caller.

    A deployment can set secrets that sign the webhooks of every caller. Otherwise each
    caller has its own, because a receiver that can check a signature can also forge it.

    Args:
        redis: a client with ``decode_responses=True``. It stores the generated secrets.
        setting: the value of ``EASEL_WEBHOOK_SECRET``.

    Raises:
        InvalidSetting: the setting contains an invalid secret.
    """

    def __init__(self, redis: Redis, setting: str = "") -> None:
        self._redis = redis
        self._rotate = script(redis, "secrets/rotate")
        self._configured = tuple(setting.split())
        for position, secret in enumerate(self._configured, 1):
            try:
                check_secret(secret)
            except ValueError as error:
                setting = f"secret {position} of EASEL_WEBHOOK_SECRET"
                raise InvalidSetting(f"{setting} {error}") from None

    @needs_redis
    def of(self, caller: str) -> tuple[str, ...]:
        """Return the secrets of a caller, newest first; generate one if there is none."""
        if self._configured:
            return self._configured
        secret = self._redis.hget(WEBHOOK_SECRETS, caller)
        if secret is None:  # write only then: a full Redis refuses it
            self._redis.hsetnx(WEBHOOK_SECRETS, caller, _generate())
            secret = self._redis.hget(WEBHOOK_SECRETS, caller)
        seconds, microseconds = self._redis.time()
        now = seconds + microseconds / 1e6
        retired = self._redis.zrange(
            WEBHOOK_RETIRED_PREFIX + caller, "+inf", now, byscore=True, desc=True
        )
        return (cast(str, secret), *cast(list[str], retired))

    @needs_redis
    def rotate(self, caller: str, overlap: timedelta) -> datetime | None:
        """Generate a new secret for a caller.

        Args:
            caller: the caller.
            overlap: how long the previous secret also signs; less if ten others end later.

        Returns:
            Until when the previous secret signs; None if there was none.

        Raises:
            SecretConfigured: the deployment sets the secret.
        """
        if self._configured:
            raise SecretConfigured
        ends = self._rotate(args=[caller, _generate(), overlap.total_seconds(), _MAX_RETIRED])
        return None if ends is None else datetime.fromtimestamp(float(ends), UTC)


def sign_webhook(keys: tuple[str, ...], message_id: str, sent_at: datetime, body: str) -> str:
    """Return the ``webhook-signature`` header, with one signature for each secret.

    Args:
        keys: the secrets.
        message_id: the ``webhook-id`` header.
        sent_at: the ``webhook-timestamp`` header, in UTC.
        body: the request body.
    """
    from standardwebhooks import Webhook  # the api only generates secrets and does not need it

    return " ".join(Webhook(key).sign(message_id, sent_at, body) for key in keys)


def _generate() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
