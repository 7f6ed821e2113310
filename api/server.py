"""A uvicorn server that closes stalled connections, and ends event streams before it stops."""

from __future__ import annotations

import socket
import time
from typing import cast

import uvicorn
from fastapi import FastAPI

from api.connection import Config, Connection

#: The ticks of uvicorn's main loop, each a tenth of a second, between two checks.
_CHECK_TICKS = 10


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
