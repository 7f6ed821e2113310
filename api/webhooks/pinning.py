"""Connections that are pinned to checked addresses, with a deadline and a read limit."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable

import httpcore
from httpcore import SOCKET_OPTION, NetworkBackend, NetworkStream

from core.webhooks.addresses import AddressGuard

#: The maximum number of addresses of a host that are tried.
_MAX_ADDRESSES = 3


class Deadline:
    """The end of an exchange, however slowly its bytes arrive.

    Args:
        seconds: the time from now.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the remaining seconds.

        Raises:
            httpcore.ReadTimeout: the deadline has passed.
        """
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise httpcore.ReadTimeout("the exchange exceeded its time limit")
        return remaining


class PinnedBackend(NetworkBackend):
    """Resolves a host, checks every address, and connects to one of the checked addresses.

    TLS and the ``Host`` header still use the name of the host.

    Args:
        guard: resolves the host and checks its addresses.
        deadline: the deadline of everything on the connection.
        max_bytes: the limit of what is read from it.
    """

    def __init__(self, guard: AddressGuard, deadline: Deadline, max_bytes: int) -> None:
        self._guard = guard
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        """Connect to the host.

        Raises:
            AddressRefused, NameNotResolved: see :meth:`AddressGuard.addresses`.
            httpcore.ConnectError, httpcore.ConnectTimeout: no address accepts a connection.
        """
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._guard.addresses(host)[:_MAX_ADDRESSES]:
            try:
                stream = self._backend.connect_tcp(
                    str(address),
                    port,
                    timeout=min(timeout or self._deadline.remaining(), self._deadline.remaining()),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Bounded(stream, self._deadline, self._max_bytes)
        raise failure


class _Bounded(NetworkStream):
    """A stream with a deadline and a read limit."""

    def __init__(self, stream: NetworkStream, deadline: Deadline, max_bytes: int) -> None:
        self._stream = stream
        self._deadline = deadline
        self._remaining = max_bytes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - replaced by the deadline
        """Read the available bytes."""
        if self._remaining <= 0:
            raise httpcore.RemoteProtocolError("the response is too long")
        data = self._stream.read(min(max_bytes, self._remaining), self._deadline.remaining())
        self._remaining -= len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Write all bytes."""
        self._stream.write(buffer, self._deadline.remaining())

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> NetworkStream:
        """Return the stream with TLS."""
        inner = self._stream.start_tls(ssl_context, server_hostname, self._deadline.remaining())
        return _Bounded(inner, self._deadline, self._remaining)

    def get_extra_info(self, info: str) -> object:
        """Return information about the underlying connection."""
        return self._stream.get_extra_info(info)
