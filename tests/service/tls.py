"""A server that accepts only TLS, and passes everything on to a server without it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from concurrent.futures import Future
from pathlib import Path

import trustme


class TlsServer:
    """Accepts TLS at a free loopback port, with a certificate of a private authority.

    Args:
        target_port: the port of the server without TLS.
        authority: where to write the certificate of the authority.
    """

    def __init__(self, target_port: int, authority: Path) -> None:
        private_ca = trustme.CA()
        private_ca.cert_pem.write_to_path(authority)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        private_ca.issue_cert("127.0.0.1").configure_cert(self._context)
        self._target_port = target_port
        self._stopping = asyncio.Event()
        port: Future[int] = Future()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(port),))
        self._thread.start()
        self.port = port.result()

    def close(self) -> None:
        """Stop, and close every connection."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    async def _serve(self, port: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        port.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        await asyncio.gather(_forward(reader, far_writer), _forward(far_reader, writer))


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the connection was closed
    finally:
        writer.close()
