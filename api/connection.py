"""Connections to clients, which are closed when their clients stop reading.

uvicorn 0.54 lets a response wait for its client without a limit. A client that stops reading
would keep its connection, and the pieces of the response that were written to it, for ever.
"""

from __future__ import annotations

import asyncio
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


class Config(uvicorn.Config):
    """The configuration of a server whose connections obey the limits.

    Args:
        app: the ASGI application.
        limits: uses ``download_seconds``.
        prefix: the path prefix under which a proxy serves the API.
        options: the other arguments of ``uvicorn.Config``.
    """

    def __init__(self, app: Any, limits: Limits, prefix: str = "", **options: Any) -> None:
        # core.runtime.logs configures logging.
        super().__init__(app, http=Connection, log_config=None, **options)
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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound the memory of a response that the client has not read."""
        transport = cast(asyncio.Transport, transport)
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_WAITING_BYTES)
        connected = transport.get_extra_info("socket")
        if connected.family in (socket.AF_INET, socket.AF_INET6):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)

    def pause_writing(self) -> None:
        """Note that the response waits for the client."""
        super().pause_writing()
        self._unread_since = time.monotonic()

    def resume_writing(self) -> None:
        """Note that the client has read most of what was written."""
        super().resume_writing()
        self._unread_since = None

    def close_if_stalled(self, now: float) -> None:
        """Close the connection if the client has read too little for ``download_seconds``.

        Args:
            now: the time of ``time.monotonic``.
        """
        if self._unread_since is None and self.transport.is_closing():
            self._unread_since = now  # a closed connection lasts until the client has read the rest
        config = cast(Config, self.config)
        if self._unread_since is None or now - self._unread_since < config.limits.download_seconds:
            return
        _logger.info(
            "connection of a client that does not read closed",
            extra={"client": self.client and self.client[0]},
        )
        self.transport.abort()
