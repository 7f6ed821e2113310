"""The URL of a Redis server: which forms are accepted, and the form that redis-py reads.

redis-py takes a password with special characters for another host, reads the database `/name`
as 0, and reports an unknown option only when it connects. The URL is therefore checked when a
process starts.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

#: The schemes, and their names in redis-py.
_SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "unix": "unix",
    "valkey": "redis",
    "valkeys": "rediss",
    "redis+socket": "unix",
}

_EXPECTED = (
    "expected redis://[user:password@]host[:port][/db], rediss:// for TLS, or "
    "unix://[user:password@]/path[?db=number]"
)

_ENCODE = (
    "it cannot be read; special characters in the user and the password must be percent-encoded, "
    "such as %2F for /, %3F for ?, %23 for #, %5B for [ and %40 for @"
)

#: What Celery calls an option.
_ALIASES = {"virtual_host": "db"}
_FILES = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
_TLS_OPTIONS = {*_FILES, "ssl_ca_path", "ssl_cert_reqs", "ssl_check_hostname", "ssl_password"}
_OPTIONS = {"client_name", "db", *_TLS_OPTIONS}

#: The values of some options.
_CHOICES = {
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": ("true", "false"),
}


def is_redis_url(text: str) -> bool:
    """Return whether a URL is meant for a Redis server."""
    return re.match(r"(unix|[\w+-]*(redis|valkey|sentinel)[\w+-]*)://", text.strip()) is not None


def read_redis_url(text: str) -> str:
    """Return the URL of a server in the form that redis-py and the queue's transport read.

    Raises:
        ValueError: the URL is invalid. The message does not contain the password.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        raise ValueError(f"it is not a URL; {_EXPECTED}")
    if "sentinel" in scheme or "cluster" in scheme:
        raise ValueError(
            f"{scheme}:// is not supported; expected the URL of one server, or of a proxy or a "
            "service that leads to the primary"
        )
    if scheme not in _SCHEMES:
        raise ValueError(f"the scheme is {scheme!r}; {_EXPECTED}")
    parts = _split(f"{_SCHEMES[scheme]}://{rest}")
    options = _read_options(parts)
    # The queue's transport would take a semicolon for the end of the URL.
    address = f"{parts.scheme}://{parts.netloc}{parts.path}".replace(";", "%3B")
    return f"{address}?{urlencode(options)}" if options else address


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket, for example
        raise ValueError(_ENCODE) from None
    host = parts.netloc.rpartition("@")[2]
    if "," in host or ";" in host or url.count("://") > 1:
        raise ValueError("it names several servers; expected one")
    if "@" in parts.path + parts.query or parts.fragment:
        raise ValueError(_ENCODE)
    if parts.scheme == "unix":
        if host or len(parts.path) < 2:
            raise ValueError(f"the path must begin with the third slash; {_EXPECTED}")
        return parts
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("the port is not a number from 0 to 65535") from None
    if not re.fullmatch(r"/?\d*", parts.path):
        raise ValueError(f"the database is {parts.path[1:]!r}; expected a number, such as /0")
    return parts


def _read_options(parts: SplitResult) -> dict[str, str]:
    options = {}
    for given, text in parse_qsl(parts.query, keep_blank_values=True):
        name = _ALIASES.get(given, given)
        value = text.removeprefix("CERT_").lower() if name in _CHOICES else text
        if name not in _OPTIONS:
            expected = f"which is not supported; expected one of {', '.join(sorted(_OPTIONS))}"
        elif name in _TLS_OPTIONS and parts.scheme != "rediss":
            expected = "which needs TLS; expected rediss://"
        elif name == "db" and not text.isdecimal():
            expected = f"with the value {text!r}; expected a number"
        elif name in _CHOICES and value not in _CHOICES[name]:
            expected = f"with the value {text!r}; expected {' or '.join(_CHOICES[name])}"
        elif name in _FILES and not Path(text).is_file():
            expected = f"with the value {text!r}; expected the path of a file"
        else:
            options[name] = value
            continue
        raise ValueError(f"it has the option {given!r}, {expected}")
    return options
