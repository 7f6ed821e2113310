"""A service for the examples: the API over HTTP, and a worker with a tiny network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import torch

from core.nst.weights.files import save_weights
from core.params import Network
from core.pictures.sandbox import Sandbox
from core.runtime.redis import connect
from core.settings.model import Settings
from core.store.api_keys import KeyStore
from core.store.previews import Previews
from tests.api.conftest import make_services, serving
from tests.conftest import photo, random_weights
from worker.networks import Networks
from worker.prefetch import PictureLoader
from worker.progress import RunLimits
from worker.runner import Runner

#: The parameters of the examples: a few steps with the tiny network.
QUICK = {"size": "64", "steps": "3", "pyramid": "off", "network": Network.TORCHVISION.value}

_LIMITS = RunLimits(checkpoint_seconds=60, stall_seconds=60)


@dataclass(frozen=True)
class Running:
    """The service, and an API key."""

    url: str
    key: str
    http: httpx.Client
    content: Path
    style: Path


@pytest.fixture(scope="module")
def easel(
    valkey_url: str, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The API, and a worker that runs the queued jobs."""
    folder = tmp_path_factory.mktemp("easel")
    redis = connect(valkey_url, patience=0)
    redis.flushall()
    settings = Settings(redis_url=valkey_url, data_dir=folder, cors_origins=("*",))
    services = make_services(settings, redis, sandbox)
    save_weights(random_weights(0), folder / Network.TORCHVISION.filename)
    runner = Runner(
        services.store,
        services.queue,
        services.blobs,
        Previews(redis),
        Networks(folder, torch.device("cpu")),
        PictureLoader(services.blobs, max_pixels=1_000_000).load,
        _LIMITS,
    )
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            runner.run()

    worker = threading.Thread(target=work)
    worker.start()
    _, key = KeyStore(redis).create("example")
    content, style = folder / "photo.png", folder / "painting.png"
    photo(64, 48, seed=1).save(content)
    photo(48, 64, seed=2).save(style)
    with serving(services) as http:
        http.headers["Authorization"] = f"Bearer {key}"
        url = str(http.base_url).rstrip("/")
        yield Running(url, key, http, content, style)
    stop.set()
    worker.join()
    redis.close()
