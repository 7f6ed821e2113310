"""A wire between a worker and Redis that can be slow, silent, or swallow one command."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

from tests.acceptance.conftest import free_port


class Wire:
    """Listens on a port of its own and passes bytes on to another."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.port = free_port()
        #: Added to each chunk of bytes towards Redis.
        self.delay_seconds = 0.0
        #: While set, bytes pass.
        self.open = threading.Event()
        self.open.set()
        #: A command with these bytes, and all that come after it, go nowhere.
        self.swallow: bytes | None = None
        self.swallowed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target_port))
                for source, sink, towards in ((near, far, True), (far, near, False)):
                    threading.Thread(
                        target=self._pass_on, args=(source, sink, towards), daemon=True
                    ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, towards: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if towards:
                    time.sleep(self.delay_seconds)  # this is the fault, not a wait
                self.open.wait()
                if towards and self.swallow and self.swallow in data:
                    self.swallowed.set()
                    return  # the connection stays open, and nothing comes back
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
