"""Connections to clients, which are closed when their clients make the server wait.

uvicorn 0.54 has no limit on the bytes and the time of a request's head, nor on the time that a
response waits for its client.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.asgi.path_prefix import PathPrefix
from core.settings.limits import Limits

_logger = logging.getLogger(__name__)

#: The most bytes of a response that the kernel holds beyond those on their way to the client.
#: By default it holds megabytes of them for every slow client.
_UNSENT_BYTES = 128 * 1024

#: The bytes of a response that wait in this process when the application must stop to write.
_WAITING_BYTES = 32 * 1024


#: Connections beyond ``max_connections``: for refusals, and for requests without a caller.
_SPARE_CONNECTIONS = 100


class Config(uvicorn.Config):
    """The configuration of a server whose connections obey the limits.

    Args:
        app: the ASGI application.
        limits: uses ``max_connections``, ``max_header_bytes``, ``upload_seconds`` and
            ``download_seconds``.
        prefix: the path prefix under which a proxy serves the API.
        options: the other arguments of ``uvicorn.Config``.
    """

    def __init__(self, app: Any, limits: Limits, prefix: str = "", **options: Any) -> None:
        # core.runtime.logs configures logging.
        super().__init__(app, http=Connection, ws="none", log_config=None, **options)
        self.limits = limits
        self._prefix = prefix

    def load(self) -> None:
        """Load the application behind uvicorn's middleware, which replaces the client's address."""
        super().load()
        # Outside of that middleware, to see the address of the proxy.
        self.loaded_app = PathPrefix(self.loaded_app, self._prefix, self.forwarded_allow_ips)


class Connection(HttpToolsProtocol):
    """A connection of uvicorn that :meth:`close_if_stalled` closes."""

    #: Since when the client has not read what was written; None if nothing waits for it.
    _unread_since: float | None = None

    #: Since when a request's head is awaited; None between a head and the end of its response.
    _head_since: float | None = None

    #: The bytes of the head that have arrived, without those that arrived with its end.
    _head_bytes = 0

    #: Whether a request was refused because of its head. The connection is closed then.
    _refused = False

    @property
    def _limits(self) -> Limits:
        return cast(Config, self.config).limits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, and bound the memory of a response that the client has not read."""
        transport = cast(asyncio.Transport, transport)
        super().connection_made(transport)
        if len(self.connections) > self._limits.max_connections + _SPARE_CONNECTIONS:
            transport.abort()
            return
        self._head_since = time.monotonic()
        transport.set_write_buffer_limits(high=_WAITING_BYTES)
        connected = transport.get_extra_info("socket")
        if connected.family in (socket.AF_INET, socket.AF_INET6):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, and count it if it belongs to a head."""
        if self._refused:
            return
        super().data_received(data)
        if self._head_since is None:
            return
        self._head_bytes += len(data)
        if self._head_bytes > self._limits.max_header_bytes:
            self._refuse_head()

    def on_message_begin(self) -> None:
        """Begin to count the bytes and the time of a head."""
        super().on_message_begin()
        self._head_since, self._head_bytes = time.monotonic(), 0

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is too large."""
        self._head_since = None
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._limits.max_header_bytes:
            self._refuse_head()
        elif not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, unless its request was refused."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body, unless its request was refused."""
        if not self._refused:
            super().on_message_complete()

    def pause_writing(self) -> None:
        """Note that the response waits for the client."""
        super().pause_writing()
        self._unread_since = time.monotonic()

    def resume_writing(self) -> None:
        """Note that the client has read most of what was written."""
        super().resume_writing()
        self._unread_since = None

    def close_if_stalled(self, now: float) -> None:
        """Close the connection if its client makes the server wait for too long.

        Args:
            now: the time of ``time.monotonic``.
        """
        if self._unread_since is None and self.transport.is_closing():
            self._unread_since = now  # a closed connection lasts until the client has read the rest
        if self._unread_since is not None:
            if now - self._unread_since >= self._limits.download_seconds:
                self._abort("connection of a client that does not read closed")
        elif self._head_since is not None and now - self._head_since >= self._limits.upload_seconds:
            self._abort("connection without a request closed")

    def _abort(self, message: str) -> None:
        _logger.info(message, extra={"client": self.client and self.client[0]})
        self.transport.abort()

    def _refuse_head(self) -> None:
        """Answer with a problem document, as ``api.answers.errors`` does, and close."""
        if self._refused:
            return
        self._refused = True
        limit = self._limits.max_header_bytes
        problem = {
            "type": "urn:easel:problem:headers_too_large",
            "title": "Request Header Fields Too Large",
            "status": 431,
            "detail": f"the request line and the headers have more than {limit} bytes",
            "code": "headers_too_large",
        }
        body = json.dumps(problem).encode()
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
            b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n"
            b"Connection: close\r\n\r\n%b" % (len(body), body)
        )
        self.transport.close()
