"""Slow pictures of one caller, and clients that disconnect during an upload."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import psutil
import pytest

from api.deps import Services
from tests.api.conftest import serving
from tests.api.intake.test_admission import limited
from tests.api.intake.test_limits import TYPE, form
from tests.api.routes.test_jobs import STYLE, post
from tests.corpus.make import many_scans

#: Takes several seconds to decode, if it is not stopped.
SLOW = many_scans(side=2000, scans=1000)


@pytest.fixture
def client(services: Services) -> Iterator[httpx.Client]:
    """An API that accepts the slow picture."""
    with serving(
        limited(services, max_picture_bytes=2**24, max_picture_pixels=2**24, max_held_bytes=2**26)
    ) as client:
        yield client


@contextmanager
def uploading(
    client: httpx.Client, content: bytes, sent: int | None = None
) -> Iterator[socket.socket]:
    """Send a job, or the first bytes of one, and disconnect at the end."""
    body = form(("content", content), ("style", STYLE))
    with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as connection:
        connection.sendall(
            b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\n"
            b"Content-Length: %d\r\n\r\n" % (TYPE.encode(), len(body))
        )
        connection.sendall(body[:sent])
        yield connection


def within_a_minute() -> Iterator[None]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        yield


def busy_decoder() -> psutil.Process:
    """Wait until a decoder works, and return it."""
    processes = [
        child for child in psutil.Process().children() if "sandbox_child" in str(child.cmdline())
    ]
    before = {each: sum(each.cpu_times()[:2]) for each in processes}
    for _ in within_a_minute():
        for process in processes:
            if sum(process.cpu_times()[:2]) > before[process] + 0.2:
                return process
    raise AssertionError("no decoder works")


def wait_for_status(client: httpx.Client, status: int) -> str:
    """Return the metrics as soon as they have a response to ``POST /jobs`` with that status."""
    for _ in within_a_minute():
        metrics = client.get("/metrics").text
        if f'_count{{method="POST",route="/jobs",status="{status}"}}' in metrics:
            return metrics
    raise AssertionError(f"no such response: {metrics}")


def test_the_decoder_stops_when_the_client_disconnects(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert post(client).status_code == 202  # the decoders have started
    with uploading(client, SLOW):
        decoder = busy_decoder()
    decoder.wait(timeout=60)  # it was killed
    assert 'status="500"' not in wait_for_status(client, 499)
    assert [each.message for each in caplog.records if each.levelno > logging.INFO] == []
    assert post(client).status_code == 202


def test_a_client_that_disconnects_during_its_upload_is_no_error(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with uploading(client, SLOW, sent=1000):
        pass
    assert 'status="500"' not in wait_for_status(client, 499)
    assert [each.message for each in caplog.records if each.levelno > logging.INFO] == []


def test_slow_pictures_of_one_caller_do_not_delay_another(client: httpx.Client) -> None:
    assert post(client).status_code == 202
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with ExitStack() as stack:
        another = stack.enter_context(
            httpx.Client(base_url=client.base_url, transport=transport, timeout=60)
        )
        slow = [stack.enter_context(uploading(client, SLOW)) for _ in range(4)]
        busy_decoder()
        assert post(another).status_code == 202
        for connection in slow:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):  # not answered yet
                connection.recv(1)
