"""A TCP proxy that can be slow, go silent, pause at a command, or swallow one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Wire:
    """A proxy on a port of its own that forwards to another port.

    Args:
        target_port: the port to forward to.
        port: the port to listen on; by default a free one.
    """

    def __init__(self, target_port: int, port: int | None = None) -> None:
        #: The port that new connections lead to.
        self.target_port = target_port
        #: While this is not set, the proxy forwards nothing, in either direction.
        self.open = threading.Event()
        self.swallowed = threading.Event()
        self.paused = threading.Event()
        self.mend()
        self._listener = socket.create_server(("127.0.0.1", port or 0))
        self.port: int = self._listener.getsockname()[1]
        #: The first byte of each connection.
        self.first_bytes: list[bytes] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def mend(self) -> None:
        """Forward everything without delay from now on."""
        #: The delay of each chunk of bytes towards the target.
        self.delay_seconds = 0.0
        #: A command with these bytes, and all later ones on its connection, are dropped.
        self.swallow: bytes | None = None
        self.swallowed.clear()
        #: A command with these bytes, and everything later, waits until `open` is set.
        self.pause: bytes | None = None
        self.paused.clear()
        self.open.set()

    def close(self) -> None:
        """Close every connection."""
        self.open.set()
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._sockets):
            each.close()

    def _run(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                try:
                    far = socket.create_connection(("127.0.0.1", self.target_port))
                except ConnectionRefusedError:
                    near.close()
                    continue
                self._sockets.append(far)
                self._run(self._forward, near, far, True)
                self._run(self._forward, far, near, False)

    def _forward(self, source: socket.socket, sink: socket.socket, to_target: bool) -> None:
        if to_target:
            with suppress(OSError):
                self.first_bytes.append(source.recv(1, socket.MSG_PEEK))
        with suppress(OSError):
            while data := source.recv(65536):
                if to_target:
                    time.sleep(self.delay_seconds)  # this is the fault itself
                if to_target and self.pause and self.pause in data:
                    self.open.clear()
                    self.paused.set()
                self.open.wait()
                if to_target and self.swallow and self.swallow in data:
                    self.swallowed.set()
                    return  # the connection stays open, without a reply
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)  # also after a reset, when a process was killed
