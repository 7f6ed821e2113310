"""A running ``easel serve`` with its Valkey server, Celery worker and VGG-19."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
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
from tests.service.log import Log

#: Enough for a slow machine to fetch the weights and import torch.
PATIENCE_SECONDS = 180


@pytest.fixture(scope="session")
def weights() -> Path:
    """The file of the paper's network."""
    return fetch_weights(Network.NORMALIZED, Settings().weights_dir, list)


@pytest.fixture(scope="session")
def network(weights: Path) -> VGG19:
    """The paper's network."""
    return load_network(Network.NORMALIZED, weights.parent, torch.device("cpu"))


class Service:
    """A running ``easel serve``, and an HTTP client of it."""

    def __init__(
        self,
        data_dir: Path,
        port: int,
        folder: Path | None = None,
        command: tuple[str, ...] = (sys.executable, "-P", "-m", "easel"),
        /,
        **environment: str,
    ) -> None:
        self.port = port
        host = environment.get("EASEL_HOST", "127.0.0.1")
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self.output: list[str] = []
        self.stdout: Queue[str] = Queue()
        self.log = Log()
        #: The number of log lines that tests have read.
        self._read = 0
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [*command, "serve", "--port", str(port)],
            cwd=folder,
            env={**os.environ, "EASEL_DATA_DIR": str(data_dir), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log.read(self.process.stderr, "serve")
        self._reader = threading.Thread(target=_read, args=(self.process.stdout, self.stdout))
        self._reader.start()
        self.http = httpx.Client(base_url=self.address, timeout=60)

    def wait_until_ready(self) -> list[str]:
        """Return the two lines that it prints when it is ready."""
        return [self.stdout.get(timeout=PATIENCE_SECONDS) for _ in range(2)]

    def wait_for(self, message: str, **fields: object) -> dict[str, Any]:
        """Return the next log line with this message and these fields."""
        line = self.log.wait(message, after=self._read, within=PATIENCE_SECONDS, **fields)
        self._read = line["number"] + 1
        return line

    def child(self, name: str) -> int:
        """Wait until a child is started, and return its process id."""
        return int(self.wait_for("child started", child=name)["child_pid"])

    def post(self, content: Path, style: Path, **fields: object) -> httpx.Response:
        """Post a job."""
        files = {"content": content.read_bytes(), "style": style.read_bytes()}
        return self.http.post("/jobs", files=files, data=fields)

    def finished(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait until a job is done, and return it."""
        self.log.wait("job ended", within=PATIENCE_SECONDS, job_id=job["id"])
        ended: dict[str, Any] = self.http.get(job["links"]["self"]).json()
        assert ended["done"], ended
        return ended

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it with a signal, check that no process is left, and return its exit status."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE_SECONDS)
        assert psutil.wait_procs(children, timeout=PATIENCE_SECONDS)[1] == []
        self._reader.join()
        self.http.close()
        assert self.log.not_json() == []
        return status


def _read(stream: Any, lines: Queue[str]) -> None:
    for line in stream:
        lines.put(line)
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
