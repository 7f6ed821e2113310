"""uvicorn, which ends every wait before it stops."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """Lets go of the clients that wait, so that they connect to another api at once.

    Otherwise each restart would hang on the streams until its patience ends.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        assert isinstance(self.config.app, FastAPI)
        self.config.app.state.hub.broadcast.close()
        await super().shutdown(sockets)
