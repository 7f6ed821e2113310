"""A server that is reached through a Unix socket."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.callers.rate_limits import RateLimiter
from cli.valkey import valkey_binary
from core.errors import TooManyRequests
from core.queue.app import JobQueue, make_celery
from core.runtime.redis import connect, connect_async

PASSWORD = "p@ss:w/rd"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    socket = tmp_path / "socket"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    command = [valkey_binary(), *options, "--requirepass", PASSWORD]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        yield f"unix://:p%40ss:w%2Frd@{socket}?db=3"
        server.terminate()


def test_all_clients_use_it_with_its_password_and_database(url: str) -> None:
    redis = connect(url, patience=100)
    assert redis.ping()
    celery = make_celery(url)
    JobQueue(celery).announce("some-id")
    with celery.connection_for_read() as connection:
        queue = connection.SimpleQueue(celery.amqp.queues["easel.jobs"])
        message = queue.get(timeout=30)
        assert message.headers["id"] == "some-id"
        message.ack()
        queue.close()
    asyncio.run(_count_twice(url))
    assert {client["db"] for client in redis.client_list()} == {"3"}
    redis.close()


async def _count_twice(url: str) -> None:
    limiter, redis = RateLimiter(url), connect_async(url, connections=1)
    await limiter.count("caller", 1)
    with pytest.raises(TooManyRequests):
        await limiter.count("caller", 1)
    assert await redis.dbsize() > 0
    await redis.aclose()
    await limiter.close()
