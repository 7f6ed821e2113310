"""The API over real HTTP, with a real Valkey and without a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from redis import Redis

from api.app import Background, create_app
from api.connection import Config
from api.deps import Services
from api.server import Server
from core.blobs.blobs import open_blobs
from core.pictures.sandbox import Sandbox
from core.queue.app import JobQueue, make_celery
from core.settings.model import Settings
from core.store.api_keys import KeyRing, KeyStore
from core.store.jobs import JobStore
from core.store.statistics import StatisticsReader
from core.store.webhooks.secrets import WebhookSecrets
from core.store.workers import WorkerRegistry
from core.upkeep.durability import DurabilityCheck
from core.webhooks.addresses import AddressGuard


@pytest.fixture
def settings(tmp_path: Path, valkey_url: str) -> Settings:
    """Small limits, so that tests can exceed them quickly."""
    return Settings(
        redis_url=valkey_url,
        data_dir=tmp_path,
        max_picture_bytes=200_000,
        max_picture_pixels=100_000,
        max_size=1024,
        record_retention=timedelta(days=2),
    )


def _no_names(host: str) -> list[str]:
    raise OSError(f"a test resolved the host {host}")


@pytest.fixture
def services(settings: Settings, redis: Redis, sandbox: Sandbox) -> Services:
    return make_services(settings, redis, sandbox)


def make_services(settings: Settings, redis: Redis, sandbox: Sandbox) -> Services:
    """Return the services of the API, with a real Valkey."""
    return Services(
        settings=settings,
        store=JobStore(redis, retention=settings.retention),
        blobs=open_blobs(settings.blobs_url),
        queue=JobQueue(make_celery(settings.redis_url)),
        workers=WorkerRegistry(redis),
        statistics=StatisticsReader(redis),
        durability=DurabilityCheck(redis),
        webhooks=WebhookSecrets(redis),
        guard=AddressGuard(resolver=_no_names),
        keyring=KeyRing(KeyStore(redis)),
        sandbox=sandbox,
    )


@pytest.fixture
def client(services: Services) -> Iterator[httpx.Client]:
    with serving(services) as client:
        yield client


class serving:  # noqa: N801 - reads as a verb
    """The API in a thread, listening on a free port."""

    def __init__(self, services: Services, background: Sequence[Background] = ()) -> None:
        app = create_app(services, background)
        config = Config(app, services.settings, services.settings.root_path, port=0)
        self._server = Server(config)
        self._socket = config.bind_socket()
        self._socket.listen(100)  # requests before the server is up wait in the backlog
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self) -> httpx.Client:
        self._thread.start()
        host, port = self._socket.getsockname()
        self._client = httpx.Client(base_url=f"http://{host}:{port}", timeout=30)
        return self._client

    def stop(self) -> None:
        """Stop the server while clients are connected."""
        self._server.should_exit = True

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
