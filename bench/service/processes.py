"""Starts and stops the processes that are measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
