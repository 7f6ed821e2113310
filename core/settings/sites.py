"""Which requests without an API key come from a web page that must not use the API.

A browser sends requests for every page, to loopback too. A page of another site is recognised
by what the browser says about it: ``Origin`` and ``Sec-Fetch-Site``. A page whose name was made
to resolve to this server's address (DNS rebinding) counts as the same site, and is recognised
by ``Host``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from core.settings.exposure import is_loopback

ANY = "*"


def host_name(header: str) -> str:
    """Return the name in a ``Host`` header, without the port, in lower case; '' if invalid."""
    try:
        name = urlsplit(f"//{header}").hostname
    except ValueError:
        return ""
    return (name or "").removesuffix(".")


def is_known_host(name: str, known: Collection[str], *, anonymous: bool) -> bool:
    """Return whether a request may call this server by a name.

    Args:
        name: the name, or an IP address.
        known: the names of this server, in lower case, or ``*``.
        anonymous: whether requests without an API key are accepted from any address. Then
            any IP address is a name too: a page cannot be given one that is not its own.
    """
    if is_loopback(name) or name.endswith(".localhost") or ANY in known or name in known:
        return True
    return anonymous and _is_address(name)


def is_foreign_page(
    headers: Mapping[str, str], *, reads: bool, origins: Collection[str], public: str = ""
) -> bool:
    """Return whether a request was made by a web page of another site that is not allowed.

    Args:
        headers: the headers of the request, found by names in lower case.
        reads: whether the method is GET or HEAD.
        origins: the origins that may use the API, or ``*``.
        public: the host and port of the public URL, which a proxy may replace in ``Host``.
    """
    site, origin = headers.get("sec-fetch-site", "none"), headers.get("origin")
    if site == "same-origin":
        return False
    if origin is not None:
        page = origin.partition("://")[2]  # '' for null
        own = page != "" and page in (headers.get("host"), public)
        return not own and ANY not in origins and origin not in origins
    if site == "none":  # no page made it, or no browser
        return False
    # A link that a person follows, or an <img>, which sends no Origin. The page cannot read either.
    shown = headers.get("sec-fetch-mode") == "navigate" or bool(origins)
    return not (reads and shown)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
