"""The processes of a service under test, each in a process group of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from cli.supervisor import die_with_parent
from cli.valkey import valkey_binary
from core.nst.weights.files import save_weights
from core.params import Network
from tests.conftest import random_weights
from tests.namespaces import Host
from tests.service.log import Log

ROOT = Path(__file__).parent.parent.parent

#: How long a test waits for an event. No test waits for time to pass.
PATIENCE_SECONDS = 90


def valkey(folder: Path, port: int, *addresses: str) -> list[str]:
    """Return the command of a server that keeps every write and publishes key changes.

    Args:
        folder: holds its files.
        port: the port to listen on.
        addresses: addresses to listen on besides loopback, without protection.
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
    return [valkey_binary(), *words, "--bind", "127.0.0.1", *addresses]


def api() -> list[str]:
    """Return the command of an API process."""
    return [sys.executable, "-m", "api"]


def listening(host: str, port: int | str) -> str:
    """Return what an API process logs as soon as it accepts connections."""
    return f"Uvicorn running on http://{host}:{port} (Press CTRL+C to quit)"


def worker(name: str) -> list[str]:
    """Return the command of a worker, with the gate that tests can shut."""
    options = ["-n", f"{name}@tests", "--include", "tests.service.gate"]
    return [sys.executable, "-m", "worker", *options]


def save_tiny_networks(folder: Path) -> None:
    """Fill a cache of weights with networks of random filters, so that none is fetched."""
    for network in Network:
        save_weights(random_weights(seed=0), folder / network.filename)


class Server:
    """A process of the service under test.

    Args:
        name: the name of the process in the log.
        command: the command to run.
        environment: environment variables to add.
        log: collects the lines that it writes to standard error.
        code: the working directory, which holds the code.
    """

    #: Whether it has settings that only one test needs.
    special = False

    #: The host that it runs on, if it is not this machine.
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
        self._command = command
        self._environment = environment
        self._log = log
        self._code = code
        self.start()

    def start(self) -> None:
        """Start the process, again if it was stopped."""
        self.popen = subprocess.Popen(
            self._command,
            cwd=self._code,
            env={**os.environ, **self._environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self._log.read(self.popen.stderr, self.name)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.popen.poll() is None

    def child(self) -> psutil.Process:
        """Return the child process of a worker."""
        return max(
            psutil.Process(self.popen.pid).children(), key=lambda child: child.memory_info().rss
        )

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process only, as an operator does."""
        self.popen.send_signal(number)

    def send_to_all(self, number: signal.Signals) -> None:
        """Send a signal to the process and all its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        """Kill the process and all its children."""
        self.send_to_all(signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> int:
        """Stop the process with SIGTERM, and return its exit status."""
        self.send(signal.SIGTERM)
        return self.popen.wait(PATIENCE_SECONDS)
