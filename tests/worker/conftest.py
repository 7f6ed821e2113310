"""Fixtures of the worker tests: a tiny network, a queue, and a clock that the test sets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from redis import Redis
from torch import Tensor

from core.nst.weights.files import save_weights
from core.params import Network
from core.queue.app import JobQueue, make_celery
from core.store.previews import Previews
from worker.networks import Networks


class Clock:
    """A clock that shows the time that the test sets, in seconds."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def weights_dir(tmp_path: Path, tiny_weights: dict[str, Tensor]) -> Path:
    """A cache of weights in which a tiny network replaces torchvision's VGG-19."""
    save_weights(tiny_weights, tmp_path / Network.TORCHVISION.filename)
    return tmp_path


@pytest.fixture
def networks(weights_dir: Path) -> Networks:
    return Networks(weights_dir, torch.device("cpu"))


@pytest.fixture
def queue(valkey_url: str) -> JobQueue:
    return JobQueue(make_celery(valkey_url))


@pytest.fixture
def previews(redis: Redis) -> Previews:
    return Previews(redis)
