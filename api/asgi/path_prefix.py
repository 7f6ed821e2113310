"""The path prefix under which a proxy serves the API, such as ``/easel``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class PathPrefix:
    """Puts the prefix of a request into ``root_path``, as ASGI specifies it.

    ``path`` then begins with the prefix, whether or not the proxy has removed it. Handlers add
    the prefix to the links in their responses.

    Args:
        app: the wrapped application.
        prefix: the prefix of every request; empty if there is none.
        trusted: the proxies whose ``X-Forwarded-Prefix`` takes precedence over ``prefix``, as
            uvicorn's ``forwarded_allow_ips``: addresses and networks, or ``*``.
    """

    def __init__(self, app: ASGIApp, prefix: str, trusted: str | Sequence[str]) -> None:
        self._app = app
        self._prefix = prefix
        names = trusted.split(",") if isinstance(trusted, str) else trusted
        self._trusts_all = "*" in names
        self._networks = [_network(name.strip()) for name in names if name.strip() != "*"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = self._prefix_of(scope) if scope["type"] == "http" else ""
        if prefix:
            path: str = scope["path"]
            if path == prefix:  # the relative URLs of the page need the slash
                await RedirectResponse(f"{prefix}/", 308)(scope, receive, send)
                return
            if not path.startswith(f"{prefix}/"):
                path = prefix + path
            scope = {**scope, "root_path": prefix, "path": path}
        await self._app(scope, receive, send)

    def _prefix_of(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == b"x-forwarded-prefix" and self._trusts(scope["client"]):
                forwarded: str = value.decode("latin-1").strip().rstrip("/")
                if _PREFIX.fullmatch(forwarded):
                    return forwarded
        return self._prefix

    def _trusts(self, client: tuple[str, int] | None) -> bool:
        if self._trusts_all or client is None:
            return self._trusts_all
        try:
            address = ipaddress.ip_address(client[0])
        except ValueError:
            return False
        return any(network is not None and address in network for network in self._networks)


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return a network or address; None for other names, which uvicorn compares as text."""
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None
