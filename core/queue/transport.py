"""kombu's Redis transport, made robust against unreadable and newer messages.

kombu takes a message off its list before it decodes it, and an error then ends the whole
worker, which has to start again and load its network. So this transport drops unreadable
messages, and moves messages with a newer schema version to the queues of that version.

This is the only module that uses private interfaces of kombu: ``Channel._brpop_read``,
``Channel._put`` and ``Transport._deliver``. Tried with kombu 5.7.0, Celery 5.7.0 and redis-py
8.1.0. ``core.queue.app`` tells Celery to use it.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from kombu.transport import redis

from core.jobs.schema_version import SCHEMA_VERSION, newer_schema, versioned

_logger = logging.getLogger(__name__)

_DROPPED = "unreadable message dropped from the queue"


class _Channel(redis.Channel):
    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            _logger.error(_DROPPED, extra={"reason": str(error)})
            return True


class Transport(redis.Transport):
    """A Redis transport that unreadable and newer messages do not stop."""

    Channel = _Channel

    def _deliver(self, message: Any, queue: str) -> None:
        properties = message.get("properties") if isinstance(message, dict) else None
        if not isinstance(properties, dict) or "delivery_tag" not in properties:
            _logger.error(_DROPPED, extra={"reason": "it has no delivery tag"})
            return
        headers = message.get("headers")
        schema = newer_schema(headers if isinstance(headers, dict) else {})
        if schema is None:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]
        elif re.fullmatch(r"\d{1,9}", schema):
            self._forward(message, queue, schema)
        else:
            _logger.error(_DROPPED, extra={"reason": f"its schema version is {schema!r}"})

    def _forward(self, message: Any, queue: str, schema: str) -> None:
        """Move a newer message to the queue of its schema version."""
        newer_queue = versioned(re.sub(r"\.\d+$", "", queue), schema)
        channel = next(channel for channel in self.channels if channel)
        channel._put(newer_queue, message)
        _logger.warning(
            "message with a newer schema version forwarded",
            extra={"schema": schema, "known": SCHEMA_VERSION, "queue": newer_queue},
        )
