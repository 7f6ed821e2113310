"""Ports for servers that have to come back to the same one."""

from __future__ import annotations

import secrets
import socket

#: Below the ports that systems give to outgoing connections (Linux: from 32768).
#: While a server is away, one of those could be taken; even by its own client that
#: tries again and again, for a connection from a port to itself succeeds.
FIRST_PORT, LAST_PORT = 20_000, 32_000


def free_port() -> int:
    """A port of loopback that nobody uses, and that no outgoing connection will take."""
    while True:
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT + 1)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
