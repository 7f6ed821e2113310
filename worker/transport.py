"""The queue as the worker reads it: what is no message at all is dropped.

kombu takes a message off its list and only then finds out that it cannot read it;
the error ends the whole worker, which is started again, with its network to load.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from kombu.transport import redis

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
    """kombu's transport for Redis, but not to be stopped by garbage."""

    Channel = _Channel

    def _deliver(self, message: Any, queue: str) -> None:
        properties = message.get("properties") if isinstance(message, dict) else None
        if not isinstance(properties, dict) or "delivery_tag" not in properties:
            _logger.error(_DROPPED, extra={"reason": "it has no properties"})
            return
        super()._deliver(message, queue)  # type: ignore[no-untyped-call]
