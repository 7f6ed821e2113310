"""A uvicorn server that closes stalled connections, and ends event streams before it stops."""

from __future__ import annotations

import resource
import socket
import time
from typing import cast

import uvicorn
from fastapi import FastAPI

from api.connection import Config, Connection

#: The ticks of uvicorn's main loop, each a tenth of a second, between two checks.
_CHECK_TICKS = 10

#: More open files than this are of no use.
_MOST_FILES = 65536


def raise_file_limit() -> int:
    """Raise the limit of open files as far as this process may, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= allowed:
        return _MOST_FILES if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


class Server(uvicorn.Server):
    """Disconnects waiting clients on shutdown, so that they reconnect to another replica at once.

    Otherwise every restart would wait for open streams until the graceful timeout.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)

    async def on_tick(self, counter: int) -> bool:
        """Close stalled connections, once a second."""
        if counter % _CHECK_TICKS == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                cast(Connection, connection).close_if_stalled(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        assert isinstance(self.config.app, FastAPI)
        self.config.app.state.hub.broadcast.close()
        await super().shutdown(sockets)
