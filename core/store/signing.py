"""The secrets that webhooks are signed with."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, cast

from core.errors import InvalidSetting
from core.runtime.redis import needs_redis

if TYPE_CHECKING:
    from redis import Redis

#: What every secret starts with.
PREFIX = "whsec_"

#: Hash: the secret that was made for each caller.
_SECRETS = "easel:webhooks:secrets"
_BYTES = 32


class WebhookSecrets:
    """Knows which secrets sign the webhooks of a caller's jobs.

    One that the deployment sets signs for everybody. Else each caller has one of
    their own: who can check a signature can also forge it, so it is not shared.

    Args:
        redis: keeps those that were made; a client with ``decode_responses=True``.
        setting: ``EASEL_WEBHOOK_SECRET``.

    Raises:
        InvalidSetting: the setting holds what is no secret.
    """

    def __init__(self, redis: Redis, setting: str = "") -> None:
        self._redis = redis
        self._set = tuple(setting.split())
        for position, secret in enumerate(self._set, 1):
            _check(secret, position)

    @needs_redis
    def of(self, caller: str) -> tuple[str, ...]:
        """The secrets, the newest first; made now if there is none."""
        if self._set:
            return self._set
        made = PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()
        self._redis.hsetnx(_SECRETS, caller, made)
        return (cast(str, self._redis.hget(_SECRETS, caller)),)


def sign(keys: tuple[str, ...], message_id: str, sent_at: datetime, body: str) -> str:
    """The ``webhook-signature``: one for each secret.

    Args:
        keys: the secrets.
        message_id: the ``webhook-id``.
        sent_at: the ``webhook-timestamp``, in UTC.
        body: what is sent.
    """
    from standardwebhooks import Webhook  # not needed by those who only ask for a secret

    return " ".join(Webhook(key).sign(message_id, sent_at, body) for key in keys)


def _check(secret: str, position: int) -> None:
    try:
        size = len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except binascii.Error:
        size = 0
    if not secret.startswith(PREFIX) or not 24 <= size <= 64:
        raise InvalidSetting(
            f"secret {position} of EASEL_WEBHOOK_SECRET is none; expected {PREFIX} and 24 to 64 "
            f"bytes in base64, as from: echo {PREFIX}$(openssl rand -base64 32)"
        )
