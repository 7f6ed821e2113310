"""Whether strangers can reach the api, and whether they then need a key."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def wants_key(
    *, anonymous: bool, required: bool, any_made: bool, addresses: tuple[str, ...]
) -> bool:
    """Whether a request without an API key is refused.

    Args:
        anonymous: ``EASEL_ALLOW_ANONYMOUS``.
        required: ``EASEL_REQUIRE_KEYS``.
        any_made: whether a key was ever made; revoking the last one opens nothing.
        addresses: at which the api is reached.
    """
    if anonymous:
        return False
    return required or any_made or not all(map(is_loopback, addresses))
