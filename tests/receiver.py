"""Receivers of webhooks on loopback: one that speaks HTTP, and one that sends any bytes."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Received:
    """A request that was received."""

    path: str
    headers: dict[str, str]
    body: str


class Receiver:
    """Keeps the requests that it receives, and sends the responses that the test has set.

    Args:
        responses: the statuses of the responses, or functions that respond through the handler.
            After the last one, the status is 204.
        tls: makes it speak TLS.
    """

    def __init__(
        self,
        *responses: int | Callable[[BaseHTTPRequestHandler], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.received: Queue[Received] = Queue()
        self._responses = list(responses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length).decode()
                receiver.received.put(Received(self.path, headers, body))
                response = receiver._responses.pop(0) if receiver._responses else 204
                if callable(response):
                    with suppress(OSError):  # the sender may have closed the connection
                        response(self)
                else:
                    self.send_response(response)
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, host: str = "127.0.0.1", scheme: str = "http") -> str:
        """Return its URL."""
        return f"{scheme}://{host}:{self.port}/easel"

    def next(self) -> Received:
        """Wait for the next request and return it."""
        return self.received.get(timeout=PATIENCE_SECONDS)


class RawReceiver:
    """Sends the same bytes on every connection, whatever it receives.

    Args:
        pieces: returns the pieces to send, until the other side closes the connection.
    """

    def __init__(self, pieces: Callable[[], Iterable[bytes]]) -> None:
        self._pieces = pieces
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> RawReceiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                with connection, suppress(OSError):
                    for piece in self._pieces():
                        connection.sendall(piece)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass  # closing with unread data would reset the connection
