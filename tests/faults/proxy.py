"""A wire between two processes that can be slow, silent, pause, or swallow one command."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Wire:
    """Listens on a port of its own and passes bytes on to another."""

    def __init__(self, target_port: int, port: int | None = None) -> None:
        self._target_port = target_port
        #: While set, bytes pass.
        self.open = threading.Event()
        self.swallowed = threading.Event()
        self.paused = threading.Event()
        self.mend()
        self._listener = socket.create_server(("127.0.0.1", port or 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def mend(self) -> None:
        """Let everything pass at once."""
        #: Added to each chunk of bytes towards Redis.
        self.delay_seconds = 0.0
        #: A command with these bytes, and all that come after it, go nowhere.
        self.swallow: bytes | None = None
        self.swallowed.clear()
        #: A command with these bytes waits, and all that come after it, until `open` is set.
        self.pause: bytes | None = None
        self.paused.clear()
        self.open.set()

    def close(self) -> None:
        """Cut every connection."""
        self.open.set()
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._sockets):
            each.close()

    def _run(self, what: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                try:
                    far = socket.create_connection(("127.0.0.1", self._target_port))
                except ConnectionRefusedError:
                    near.close()
                    continue
                self._sockets.append(far)
                self._run(self._pass_on, near, far, True)
                self._run(self._pass_on, far, near, False)

    def _pass_on(self, source: socket.socket, sink: socket.socket, towards: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if towards:
                    time.sleep(self.delay_seconds)  # this is the fault, not a wait
                if towards and self.pause and self.pause in data:
                    self.open.clear()
                    self.paused.set()
                self.open.wait()
                if towards and self.swallow and self.swallow in data:
                    self.swallowed.set()
                    return  # the connection stays open, and nothing comes back
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
