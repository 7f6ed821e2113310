"""A small client that asks as fast as it is answered, and costs little itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Load:
    """What came of it. Latencies are in seconds, sorted."""

    rate: float
    latencies: list[float]
    bad: int

    def at(self, part: float) -> float:
        """The latency, in milliseconds, that this part of the answers stayed below."""
        return 1000 * self.latencies[min(len(self.latencies) - 1, int(part * len(self.latencies)))]


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection that is kept, with one request under way at a time."""

    def __init__(self, next_request: Callable[[], bytes], until: float) -> None:
        self._next_request = next_request
        self._until = until
        self._answer = bytearray()
        self.done = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self.bad = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = bytes(self._answer).partition(b"\r\n\r\n")
        if not found or not _complete(head.lower(), body):
            return
        self.latencies.append(time.perf_counter() - self._asked)
        self.bad += not head.startswith(b"HTTP/1.1 2")
        self._answer.clear()
        if time.perf_counter() < self._until:
            self._ask()
        else:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._next_request())


def _complete(head: bytes, body: bytes) -> bool:
    if b"transfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    _, found, length = head.partition(b"content-length: ")
    return not found or len(body) >= int(length.split(b"\r\n")[0])


async def put_load(
    port: int, next_request: Callable[[], bytes], *, seconds: float, connections: int
) -> Load:
    """Ask again and again, on so many connections, for so long."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = [
        (await loop.create_connection(
            lambda: Connection(next_request, began + seconds), "127.0.0.1", port
        ))[1]
        for _ in range(connections)
    ]  # fmt: skip
    await asyncio.gather(*(each.done for each in made))
    took = time.perf_counter() - began
    latencies = sorted(latency for each in made for latency in each.latencies)
    return Load(len(latencies) / took, latencies, sum(each.bad for each in made))


def get(path: str) -> bytes:
    """A request."""
    return f"GET {path} HTTP/1.1\r\nHost: easel\r\n\r\n".encode()


def post(path: str, content_type: str, body: bytes) -> bytes:
    """A request with a body."""
    head = f"POST {path} HTTP/1.1\r\nHost: easel\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def form(fields: dict[str, Any], content: bytes, style: bytes) -> tuple[str, bytes]:
    """A multipart body, and its type."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, data in (("content", content), ("style", style)):
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="p"\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    return "multipart/form-data; boundary=x", b"".join(parts) + b"--x--\r\n"
