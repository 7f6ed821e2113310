"""An HTTP proxy that serves another server under a path prefix, as nginx does."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import httpx

_HOP_HEADERS = frozenset({"connection", "host", "keep-alive", "transfer-encoding"})


class PathProxy:
    """Forwards requests below a prefix.

    Args:
        target: the URL of the server.
        prefix: the path under which the proxy serves it.
        strip: whether the proxy removes the prefix from the path.
        announce: whether it sends ``X-Forwarded-Prefix``.
        error: an HTML error page to send for every POST instead, by its status.
    """

    def __init__(
        self,
        target: str,
        prefix: str,
        *,
        strip: bool,
        announce: bool = False,
        error: int | None = None,
    ) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                proxy._handle(self)

            do_GET = do_HEAD = do_POST = do_DELETE = do_OPTIONS = handle_any  # noqa: N815 - the names of http.server

            def log_message(self, *_: object) -> None:
                pass

        self._prefix, self._strip, self._announce, self._error = prefix, strip, announce, error
        self._http = httpx.Client(base_url=target, timeout=30, follow_redirects=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}{prefix}"

    def __enter__(self) -> PathProxy:
        self._thread.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._http.close()

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        path = request.path
        if not f"{path}/".startswith(f"{self._prefix}/"):
            request.send_error(404, "the path is not below the prefix")
            return
        if self._error is not None and request.command == "POST":
            request.send_error(self._error)  # an HTML page
            return
        headers = [(k, v) for k, v in request.headers.items() if k.lower() not in _HOP_HEADERS]
        headers.append(("Host", request.headers["Host"]))
        if self._announce:
            headers.append(("X-Forwarded-Prefix", self._prefix))
        if self._strip:
            path = path.removeprefix(self._prefix) or "/"
        with self._http.stream(
            request.command, path, content=body or None, headers=headers
        ) as answer:
            request.send_response_only(answer.status_code)
            for name, value in answer.headers.multi_items():
                if name not in _HOP_HEADERS:
                    request.send_header(name, value)
            request.send_header("Connection", "close")
            request.end_headers()
            for chunk in answer.iter_raw():
                request.wfile.write(chunk)
                request.wfile.flush()
