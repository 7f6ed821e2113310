"""Clients that do not read, and requests whose head is too large or does not come."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPResponse

import httpx
import psutil
import pytest

from api.deps import Services
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.routes.test_jobs import claim, finish

#: Above what the buffers of a connection on loopback hold.
SIZE = 8 * 2**20
CLIENTS = 8


@pytest.fixture
def closings() -> Iterator[threading.Semaphore]:
    """A semaphore that is released whenever the API closes a stalled connection."""
    closed = threading.Semaphore(0)

    class Counter(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "does not read" in record.getMessage():
                closed.release()

    logger, counter = logging.getLogger("api.connection"), Counter()
    level, logger.level = logger.level, logging.INFO
    logger.addHandler(counter)
    yield closed
    logger.removeHandler(counter)
    logger.setLevel(level)


def request(client: httpx.Client, path: str) -> socket.socket:
    """Send a request, and read only the start of its response."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect((client.base_url.host, client.base_url.port or 80))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert connection.recv(15) == b"HTTP/1.1 200 OK"
    return connection


def rest(connection: socket.socket) -> int:
    """Return the number of further bytes until the server disconnects."""
    received = 0
    try:
        while piece := connection.recv(2**20):
            received += len(piece)
    except ConnectionResetError:
        pass
    return received


def test_stalled_downloads_cost_little_memory_and_are_cut(
    services: Services, closings: threading.Semaphore
) -> None:
    with serving(limited(services, download_seconds=2)) as client, ExitStack() as connections:
        job = claim(services, client)
        data = os.urandom(SIZE)
        finish(services, job, data)
        link = client.get(f"/jobs/{job.id}/links").json()["result"]
        assert client.get(link).content == data
        before = psutil.Process().memory_info().rss
        stalled = [connections.enter_context(request(client, link)) for _ in range(CLIENTS)]
        assert psutil.Process().memory_info().rss - before < CLIENTS * SIZE / 4
        assert client.get("/healthz").status_code == 200
        for _ in stalled:
            assert closings.acquire(timeout=60)
        assert all(rest(connection) < SIZE for connection in stalled)
        assert client.get(link).content == data


def test_a_download_that_is_read_slowly_is_completed(services: Services) -> None:
    with serving(limited(services, download_seconds=1)) as client:
        job = claim(services, client)
        finish(services, job, os.urandom(SIZE))
        received, slowly = 0, threading.Event()
        with client.stream("GET", f"/jobs/{job.id}/result") as answer:
            for piece in answer.iter_raw(2**20):
                received += len(piece)
                slowly.wait(0.15)  # longer than the limit in all
        assert received == SIZE


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_head_that_is_too_large_is_refused(services: Services, end: bytes) -> None:
    with (
        serving(limited(services, max_header_bytes=8192)) as client,
        connected(client) as connection,
    ):
        connection.sendall(b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 8192 + end)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b'"code": "headers_too_large"' in answer
        assert answer.count(b"HTTP/1.1") == 1
        assert client.get("/healthz", headers={"X": "x" * 7000}).status_code == 200


def test_an_endless_head_costs_no_memory(services: Services) -> None:
    with serving(services) as client, connected(client) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        sent = 0
        with suppress(ConnectionError):
            while sent < 2**26:
                sent += connection.send(b"X: " + b"x" * 8000 + b"\r\n")
        assert sent < 2**24  # what the kernel holds


def test_endless_trailers_cost_no_memory(services: Services) -> None:
    with serving(services) as client, connected(client) as connection:
        head = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        sent = 0
        with suppress(ConnectionError):
            while sent < 2**26:
                sent += connection.send(b"X: " + b"x" * 8000 + b"\r\n")
        assert sent < 2**24  # what the kernel holds


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("split", [False, True])
def test_an_offer_to_upgrade_to_http2_is_ignored(
    client: httpx.Client, chunked: bool, split: bool
) -> None:
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAE"}
    body = b'{"size": 64, "steps": "%b"}' % (b"x" * 50_000)
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    headers = {"Host": "localhost", "Content-Type": "application/json", **offer, **framing}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /jobs HTTP/1.1\r\n{lines}\r\n".encode()
    if chunked:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with connected(client) as connection:
        for _ in range(2):
            for part in (head, body) if split else (head + body,):
                connection.sendall(part)
            answer = HTTPResponse(connection)
            answer.begin()
            assert answer.status == 422
            fields = {error["field"] for error in json.load(answer)["errors"]}
            assert fields == {"content", "style", "steps"}


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: "])
def test_a_connection_without_a_request_is_closed(services: Services, head: bytes) -> None:
    with serving(limited(services, upload_seconds=1)) as client, connected(client) as connection:
        connection.sendall(head)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""


def connected(client: httpx.Client) -> socket.socket:
    address = (client.base_url.host, client.base_url.port or 80)
    return socket.create_connection(address, timeout=60)
