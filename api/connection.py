"""Connections to clients, which are closed when their clients make the server wait.

uvicorn 0.54 has no limit on the bytes and the time of a request's head, on the bytes of its
trailers, nor on the time that a response waits for its client. It drops the body of a request
that offers to upgrade the connection to HTTP/2, as clients in Java do.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from typing import Any, cast

import httptools
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


#: The headers that say where a body ends.
_FRAMING = (b"content-length", b"transfer-encoding")

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


class Parser(httptools.HttpRequestParser):
    """A parser of requests that ignores offers to upgrade, as RFC 9110 (section 7.8) allows.

    Args:
        connection: receives what is parsed.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._connection = connection

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # uvicorn has bytes
        """Parse data, also beyond the end of a head that offers to upgrade."""
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._connection.continue_after_offer(data[upgrade.args[0] :])


class Connection(HttpToolsProtocol):
    """A connection of uvicorn that :meth:`close_if_stalled` closes."""

    #: Since when the client has not read what was written; None if nothing waits for it.
    _unread_since: float | None = None

    #: Since when a request's head is awaited; None between a head and the end of its response.
    _head_since: float | None = None

    #: The bytes of the head that have arrived, without those that arrived with its end.
    _head_bytes = 0

    #: The bytes after the last part of a body, without those that arrived with it.
    _trailer_bytes = 0

    #: Whether a request was refused because of its head. The connection is closed then.
    _refused = False

    #: Whether a new parser reads a head that was read already.
    _repeating = False

    @property
    def _limits(self) -> Limits:
        return cast(Config, self.config).limits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, and bound the memory of a response that the client has not read."""
        transport = cast(asyncio.Transport, transport)
        super().connection_made(transport)
        self.parser = Parser(self)
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
        self._trailer_bytes += len(data)
        super().data_received(data)
        if self._head_since is None:
            if self._trailer_bytes > self._limits.max_header_bytes:
                self._abort("connection with endless trailers closed")
            return
        self._head_bytes += len(data)
        if self._head_bytes > self._limits.max_header_bytes:
            self._refuse_head()

    def on_message_begin(self) -> None:
        """Begin to count the bytes and the time of a head."""
        if self._repeating:
            return
        super().on_message_begin()
        self._head_since, self._head_bytes = time.monotonic(), 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the URL."""
        if not self._repeating:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        if not self._repeating:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is too large."""
        if self._repeating:
            return
        self._head_since, self._trailer_bytes = None, 0
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._limits.max_header_bytes:
            self._refuse_head()
        elif not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, unless its request was refused."""
        self._trailer_bytes = 0
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body, unless its request was refused."""
        self._trailer_bytes = 0
        offers_upgrade = self.parser.should_upgrade()  # its body is not read yet
        if not (self._refused or offers_upgrade):
            super().on_message_complete()

    def on_chunk_header(self) -> None:
        """Note that a part of a chunked body begins, or its trailers."""
        self._trailer_bytes = 0

    def continue_after_offer(self, data: bytes) -> None:
        """Read the body of a request that offered to upgrade with a new parser.

        Args:
            data: what arrived after the head.
        """
        if self._refused:
            return
        framing = [each for each in self.headers if each[0] in _FRAMING]
        self.parser, self._repeating = Parser(self), True
        head = b"".join(b"%b: %b\r\n" % header for header in framing)
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % head)
        self._repeating = False
        self.parser.feed_data(data)

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
