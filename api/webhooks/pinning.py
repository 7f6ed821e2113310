"""Connections to checked addresses, within a time, to read little."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable

import httpcore
from httpcore import SOCKET_OPTION, NetworkBackend, NetworkStream

from core.webhooks.addresses import AddressGuard

#: How many of a host's addresses are tried.
_MOST_ADDRESSES = 3


class Deadline:
    """A moment by which all must be over, however slowly each byte comes.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left.

        Raises:
            httpcore.ReadTimeout: none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole exchange is over")
        return left


class PinnedBackend(NetworkBackend):
    """Resolves a host itself, checks every address, and connects to one of those.

    TLS and the ``Host`` header keep the host's name.

    Args:
        guard: knows which addresses pass.
        deadline: for all that happens on the connection.
        max_bytes: the most that is read from it.
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
            httpcore.ConnectError, httpcore.ConnectTimeout: no address answers.
        """
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._guard.addresses(host)[:_MOST_ADDRESSES]:
            try:
                stream = self._backend.connect_tcp(
                    str(address),
                    port,
                    timeout=min(timeout or self._deadline.left(), self._deadline.left()),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Bounded(stream, self._deadline, self._max_bytes)
        raise failed


class _Bounded(NetworkStream):
    """A stream that ends at the deadline, and when too much has been read."""

    def __init__(self, stream: NetworkStream, deadline: Deadline, max_bytes: int) -> None:
        self._stream = stream
        self._deadline = deadline
        self._left = max_bytes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline counts
        """Read what there is."""
        if self._left <= 0:
            raise httpcore.RemoteProtocolError("the answer is too long")
        data = self._stream.read(min(max_bytes, self._left), self._deadline.left())
        self._left -= len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Write it all."""
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> NetworkStream:
        """The same stream, with TLS."""
        inner = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _Bounded(inner, self._deadline, self._left)

    def get_extra_info(self, info: str) -> object:
        """What the connection below says."""
        return self._stream.get_extra_info(info)
