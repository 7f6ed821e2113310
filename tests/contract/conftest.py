"""Fixtures that run each test with every blob store. S3 is moto's server, over real HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from core.blobs.blobs import Blobs, open_blobs
from tests.contract.stores import Backdoor, BucketBackdoor, FileBackdoor, RedisBackdoor


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of an S3 server."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["file", "redis", "s3"])
def backdoor(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Backdoor:
    """An empty store and the way behind its interface."""
    if request.param == "file":
        return FileBackdoor(tmp_path / "blobs")
    if request.param == "redis":
        redis: Redis = request.getfixturevalue("redis")
        return RedisBackdoor(redis, request.getfixturevalue("valkey_url"))
    endpoint: str = request.getfixturevalue("s3_server")
    httpx.post(f"{endpoint}/moto-api/reset").raise_for_status()
    httpx.put(f"{endpoint}/pictures").raise_for_status()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return BucketBackdoor(endpoint)


@pytest.fixture
def blobs(backdoor: Backdoor) -> Blobs:
    return open_blobs(backdoor.url, s3_endpoint=backdoor.endpoint)


@pytest.fixture
def away(backdoor: Backdoor) -> Blobs:
    """A store of the same kind that is unavailable."""
    return open_blobs(backdoor.away, s3_endpoint=backdoor.no_endpoint, patience=0)
