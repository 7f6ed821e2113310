"""The measured processes: a Valkey, an API process, and workers whose optimiser sleeps."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis import Redis

from bench.service.processes import ROOT, process, wait_for
from cli.valkey import free_port, valkey_binary
from core.blobs.blobs import open_blobs
from core.jobs.job import Inputs, Picture
from core.runtime.redis import connect
from core.store.keys import WORKERS_SEEN

SAMPLE = ROOT / "samples" / "photos" / "cat.jpg"

_PATIENCE_SECONDS = 60


class Parts:
    """A service on this machine, whose data are in a temporary folder.

    Args:
        fsync: when Valkey writes to the disk: ``always``, as ``easel serve`` does, or
            ``everysec``.
    """

    def __init__(self, fsync: str = "always") -> None:
        self._ends = ExitStack()
        self.folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory()))
        self.port, self.api_port = free_port(), free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options = {"bind": "127.0.0.1", "port": self.port, "dir": self.folder, "save": ""}
        options |= {"appendonly": "yes", "appendfsync": fsync}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        server = subprocess.Popen([valkey_binary(), *words], stdout=subprocess.DEVNULL)
        self._ends.callback(server.wait)
        self._ends.callback(server.kill)
        self.redis: Redis = connect(self.url, patience=_PATIENCE_SECONDS)
        self.redis.ping()
        self._environment = {
            "EASEL_REDIS_URL": self.url,
            "EASEL_DATA_DIR": str(self.folder),
            "EASEL_PORT": str(self.api_port),
            "EASEL_LOG_LEVEL": "ERROR",
            "EASEL_MAX_REQUESTS_PER_MINUTE": str(10**9),
            "EASEL_MAX_QUEUE": str(10**6),
            "EASEL_MAX_JOBS_PER_CALLER": str(10**6),
            "OMP_NUM_THREADS": "1",
        }
        self._workers: subprocess.Popen[str] | None = None

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def start_api(self) -> None:
        self._ends.enter_context(process("api", **self._environment))
        wait_for(f"http://127.0.0.1:{self.api_port}/healthz")

    def have_workers(self, count: int) -> None:
        """Start workers until there are ``count``, which must not be lower than before."""
        if self._workers is None:
            self._workers = self._ends.enter_context(_workers(self._environment))
        assert self._workers.stdin is not None
        print(count, file=self._workers.stdin, flush=True)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.redis.zcard(WORKERS_SEEN) < count or self._waiting() < count:
            assert time.monotonic() < deadline, f"{self._waiting()} of {count} workers are ready"
            time.sleep(0.1)

    def _waiting(self) -> int:
        """Return how many workers wait for a message."""
        return int(self.redis.info("clients")["blocked_clients"])

    def inputs(self) -> Inputs:
        """Store the pictures of a job."""
        data = SAMPLE.read_bytes()
        digest = open_blobs((self.folder / "blobs").as_uri()).put(data)
        picture = Picture(sha256=digest, media_type="image/jpeg", size_bytes=len(data))
        return Inputs(content=picture, styles=(picture,))


@contextmanager
def _workers(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    workers = subprocess.Popen(
        [sys.executable, "-m", "bench.fleet.workers"],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield workers
    finally:
        assert workers.stdin is not None
        workers.stdin.close()
        workers.wait(_PATIENCE_SECONDS)
