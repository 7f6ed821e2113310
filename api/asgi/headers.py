"""What browsers are told to do with answers, and above all not to do."""

from __future__ import annotations

#: Of every answer that does not say otherwise. A picture or a problem document that
#: is opened by itself may load nothing, run nothing, and be framed by nobody.
_USUAL = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_RAW = [(name.lower().encode(), value.encode()) for name, value in _USUAL.items()]


def add_usual_headers(headers: list[tuple[bytes, bytes]]) -> None:
    """Add to an answer's headers, as ASGI has them, what it does not say otherwise."""
    said = {name.lower() for name, _ in headers}
    headers += (each for each in _RAW if each[0] not in said)
