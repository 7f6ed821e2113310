"""A uvicorn server that ends event streams and long polls before it stops."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """Disconnects waiting clients on shutdown, so that they reconnect to another replica at once.

    Otherwise every restart would wait for open streams until the graceful timeout.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        assert isinstance(self.config.app, FastAPI)
        self.config.app.state.hub.broadcast.close()
        await super().shutdown(sockets)
