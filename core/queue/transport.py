"""kombu's Redis transport with TLS, made robust against failover and unreadable messages.

kombu uses TLS only for a transport with the name `rediss`, not for a subclass, and it reads
fewer forms of URL than redis-py. So this transport has redis-py read the URL, and connects as
every other part of Easel does.

A server that becomes a replica keeps its connections and refuses to write. kombu does not take
that for the loss of a connection. The connections of this transport do: the next call makes a new
one, which leads to the new primary.

A worker takes no message while it has as many unacknowledged ones as it may have, and kombu counts
a message as unacknowledged until Redis has accepted the acknowledgement. If Redis refuses one, as
a replica does, the worker would wait for ever. This transport counts such a message as
acknowledged: Redis delivers it again, and the second claim of its job is refused.

kombu takes a message off its list before it decodes it, and an error then ends the whole
worker, which has to start again and load its network. So this transport drops unreadable
messages, and moves messages with a newer schema version to the queues of that version.

This is the only module that uses private interfaces of kombu: ``Channel._brpop_read``,
``Channel._connparams``, ``Channel._put``, ``QoS._quick_ack`` and ``Transport._deliver``. Tried with
kombu 5.7.0, Celery 5.7.0 and redis-py 8.1.0. ``core.queue.app`` tells Celery to use it.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from kombu.transport import redis
from redis.connection import Connection, UnixDomainSocketConnection, parse_url
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import MasterDownError, ReadOnlyError, ResponseError

from core.jobs.schema_version import SCHEMA_VERSION, newer_schema, versioned

_logger = logging.getLogger(__name__)

_DROPPED = "unreadable message dropped from the queue"


#: What a connection to a Unix socket does not accept.
_TCP_OPTIONS = ("host", "port", "socket_keepalive", "socket_keepalive_options")


def _noticing_demotion(base: type[Any]) -> type[Any]:
    """Return a class of connections that are lost when their server becomes a replica."""

    class NoticingDemotion(base):  # type: ignore[misc]  # known at run time only
        def read_response(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().read_response(*args, **kwargs)
            except ResponseError as error:
                if not _is_demotion(error):
                    raise
                self.disconnect()
                raise ConnectionLost(f"the server became a replica: {error}") from error

    return NoticingDemotion


def _is_demotion(error: ResponseError) -> bool:
    # UNBLOCKED ends a blocking command when the server becomes a replica.
    return isinstance(error, ReadOnlyError | MasterDownError) or str(error).startswith("UNBLOCKED")


class _QoS(redis.QoS):
    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)


class _Channel(redis.Channel):
    QoS = _QoS

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Return the parameters of the connection pool: kombu's, for the server in the URL."""
        url = self.connection.client.hostname
        server: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
        base = server.pop("connection_class", Connection)
        self.connection_class = _noticing_demotion(base)  # kombu derives a class from it
        parameters = {**super()._connparams(asynchronous), **server}  # type: ignore[no-untyped-call]
        if issubclass(base, UnixDomainSocketConnection):
            for name in _TCP_OPTIONS:
                parameters.pop(name, None)
        return parameters

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            _logger.error(_DROPPED, extra={"reason": str(error)})
            return True


class Transport(redis.Transport):
    """A Redis transport that uses TLS, and that failover and unreadable messages do not stop."""

    Channel = _Channel
    #: Has kombu hand over the URL as it is.
    can_parse_url = True

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
