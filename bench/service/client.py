"""A minimal HTTP/1.1 client for load tests: it needs little of the processor itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Load:
    """The result of a load test."""

    #: Answers per second.
    rate: float
    #: Seconds, sorted.
    latencies: list[float]
    #: Answers whose status is not 2xx.
    bad: int

    def quantile(self, part: float) -> float:
        """Return a quantile of the latencies in milliseconds, 0.5 for the median."""
        return 1000 * self.latencies[min(len(self.latencies) - 1, int(part * len(self.latencies)))]


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request in flight at a time."""

    def __init__(self, next_request: Callable[[], bytes], until: float) -> None:
        self._next_request = next_request
        self._until = until
        self._received = bytearray()
        self.done = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self.bad = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = bytes(self._received).partition(b"\r\n\r\n")
        if not separator or not _complete(head.lower(), body):
            return
        self.latencies.append(time.perf_counter() - self._sent)
        self.bad += not head.startswith(b"HTTP/1.1 2")
        self._received.clear()
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._next_request())


def _complete(head: bytes, body: bytes) -> bool:
    if b"transfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    _, header, length = head.partition(b"content-length: ")
    return not header or len(body) >= int(length.split(b"\r\n")[0])


async def put_load(
    port: int, next_request: Callable[[], bytes], *, seconds: float, connections: int
) -> Load:
    """Send requests back to back on several connections to 127.0.0.1.

    Args:
        port: the server's port.
        next_request: called for each request.
        seconds: how long to send new requests.
        connections: the number of connections.
    """
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    opened = [
        (await loop.create_connection(
            lambda: Connection(next_request, began + seconds), "127.0.0.1", port
        ))[1]
        for _ in range(connections)
    ]  # fmt: skip
    await asyncio.gather(*(connection.done for connection in opened))
    took = time.perf_counter() - began
    latencies = sorted(latency for connection in opened for latency in connection.latencies)
    return Load(len(latencies) / took, latencies, sum(connection.bad for connection in opened))


def get(path: str) -> bytes:
    """Return a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(path: str, content_type: str, body: bytes) -> bytes:
    """Return a POST request."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def form(fields: dict[str, Any], content: bytes, style: bytes) -> tuple[str, bytes]:
    """Return the content type and the multipart body of a form that creates a job."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, data in (("content", content), ("style", style)):
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="p"\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    return "multipart/form-data; boundary=x", b"".join(parts) + b"--x--\r\n"
