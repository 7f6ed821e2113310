"""The queue as whoever takes messages reads it. Celery is told of it in ``core.queue.app``.

kombu takes a message off its list and only then finds out that it cannot read it;
the error ends the whole worker, which is started again, with its network to load.
So what is no message at all is dropped here. And what is a newer version's message
is handed on to the queue of its schema, where only those look who know it.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from kombu.transport import redis

from core.jobs.schema_version import SCHEMA_VERSION, newer_schema, versioned

_logger = logging.getLogger(__name__)

_DROPPED = "what lay in the queue is no message; dropped"


class _Channel(redis.Channel):
    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            _logger.error(_DROPPED, extra={"reason": str(error)})
            return True


class Transport(redis.Transport):
    """kombu's transport for Redis, but not to be stopped by garbage, or by what is newer."""

    Channel = _Channel

    def _deliver(self, message: Any, queue: str) -> None:
        properties = message.get("properties") if isinstance(message, dict) else None
        if not isinstance(properties, dict) or "delivery_tag" not in properties:
            _logger.error(_DROPPED, extra={"reason": "it has no properties"})
            return
        headers = message.get("headers")
        schema = newer_schema(headers if isinstance(headers, dict) else {})
        if schema is None:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]
        elif re.fullmatch(r"\d{1,9}", schema):
            self._hand_on(message, queue, schema)
        else:
            _logger.error(_DROPPED, extra={"reason": f"its schema is {schema!r}"})

    def _hand_on(self, message: Any, queue: str, schema: str) -> None:
        for_newer = versioned(re.sub(r"\.\d+$", "", queue), schema)
        channel = next(channel for channel in self.channels if channel)
        channel._put(for_newer, message)
        _logger.warning(
            "message of a newer schema handed on",
            extra={"schema": schema, "known": SCHEMA_VERSION, "queue": for_newer},
        )
