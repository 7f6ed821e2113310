"""The real thing: ``easel serve`` with its Valkey, Celery and VGG-19."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import httpx
import pytest

from core.settings import Settings

#: Long enough for a slow machine to fetch the weights and import torch.
PATIENCE_SECONDS = 180


class Service:
    """A running ``easel serve``: its HTTP client, its output, its children."""

    def __init__(self, data_dir: Path, port: int, **environment: str) -> None:
        self.port = port
        self.output: list[str] = []
        self.stdout: Queue[str] = Queue()
        self.log: Queue[dict[str, Any]] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli", "serve", "--port", str(port)],
            env={**os.environ, "EASEL_DATA_DIR": str(data_dir), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=_read, args=(self.process.stdout, self.stdout.put)),
            threading.Thread(target=_read, args=(self.process.stderr, self._keep)),
        ]
        for reader in self._readers:
            reader.start()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    def announced(self) -> list[str]:
        """The two lines that it prints when it is ready."""
        return [self.stdout.get(timeout=PATIENCE_SECONDS) for _ in range(2)]

    def wait_for(self, message: str, **fields: object) -> dict[str, Any]:
        """The next log line with that message and those fields."""
        while True:
            try:
                line = self.log.get(timeout=PATIENCE_SECONDS)
            except Empty:
                raise AssertionError(f"no log line {message!r} with {fields}") from None
            if line["message"] == message and fields.items() <= line.items():
                return line

    def child(self, name: str) -> int:
        """The process id that a child was last started with."""
        return int(self.wait_for("child started", child=name)["child_pid"])

    def post(self, content: Path, style: Path, **fields: object) -> httpx.Response:
        files = {"content": content.read_bytes(), "style": style.read_bytes()}
        return self.http.post("/jobs", files=files, data=fields)

    def finished(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job once it is done."""
        self.wait_for("job ended", job_id=job["id"])
        ended: dict[str, Any] = self.http.get(job["links"]["self"]).json()
        assert ended["done"], ended
        return ended

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, and give its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join()
        self.http.close()
        return status

    def _keep(self, line: str) -> None:
        self.log.put(json.loads(line))  # a line that is not JSON fails the test


def _read(stream: Any, keep: Callable[[str], None]) -> None:
    for line in stream:
        keep(line)
    stream.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
