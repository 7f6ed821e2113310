"""The real thing: ``easel serve`` with its Valkey, Celery and VGG-19."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import psutil
import pytest
import torch

from cli.valkey import free_port as free_port
from core.nst import VGG19, fetch_weights, load_network
from core.params import Network
from core.settings.model import Settings
from tests.faults.log import Log

#: Long enough for a slow machine to fetch the weights and import torch.
PATIENCE_SECONDS = 180


@pytest.fixture(scope="session")
def weights() -> Path:
    """The paper's network, as a file."""
    return fetch_weights(Network.NORMALIZED, Settings().weights_dir, list)


@pytest.fixture(scope="session")
def network(weights: Path) -> VGG19:
    """The paper's network."""
    return load_network(Network.NORMALIZED, weights.parent, torch.device("cpu"))


class Service:
    """A running ``easel serve``: its HTTP client, its output, its children."""

    def __init__(self, data_dir: Path, port: int, **environment: str) -> None:
        self.port = port
        self.output: list[str] = []
        self.stdout: Queue[str] = Queue()
        self.log = Log()
        #: Up to where the log was read.
        self._read = 0
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-m", "cli", "serve", "--port", str(port)],
            env={**os.environ, "EASEL_DATA_DIR": str(data_dir), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log.read(self.process.stderr, "serve")
        self._reader = threading.Thread(target=_read, args=(self.process.stdout, self.stdout.put))
        self._reader.start()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

    def announced(self) -> list[str]:
        """The two lines that it prints when it is ready."""
        return [self.stdout.get(timeout=PATIENCE_SECONDS) for _ in range(2)]

    def wait_for(self, message: str, **fields: object) -> dict[str, Any]:
        """The next log line with that message and those fields."""
        line = self.log.wait(message, after=self._read, within=PATIENCE_SECONDS, **fields)
        self._read = line["number"] + 1
        return line

    def child(self, name: str) -> int:
        """The process id that a child was last started with."""
        return int(self.wait_for("child started", child=name)["child_pid"])

    def post(self, content: Path, style: Path, **fields: object) -> httpx.Response:
        files = {"content": content.read_bytes(), "style": style.read_bytes()}
        return self.http.post("/jobs", files=files, data=fields)

    def finished(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job once it is done."""
        self.log.wait("job ended", within=PATIENCE_SECONDS, job_id=job["id"])
        ended: dict[str, Any] = self.http.get(job["links"]["self"]).json()
        assert ended["done"], ended
        return ended

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, and give its exit status. Nothing of it is left behind."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE_SECONDS)
        assert psutil.wait_procs(family, timeout=PATIENCE_SECONDS)[1] == []
        self._reader.join()
        self.http.close()
        assert self.log.strange() == []
        return status


def _read(stream: Any, keep: Callable[[str], None]) -> None:
    for line in stream:
        keep(line)
    stream.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, free_port())
    yield service
    if service.process.poll() is None:
        service.stop()


@pytest.fixture(scope="session")
def samples() -> Path:
    return Path(__file__).parent.parent.parent / "samples"


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    return Settings().weights_dir
