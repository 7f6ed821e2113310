"""The rules for anonymous access: where the API may listen, and who needs an API key."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache

from core.errors import InvalidSetting


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuses_anonymous(
    *, anonymous: bool, required: bool, any_key_made: bool, addresses: tuple[str, ...]
) -> bool:
    """Return whether a request without an API key is refused.

    Args:
        anonymous: ``EASEL_ALLOW_ANONYMOUS``.
        required: ``EASEL_REQUIRE_KEYS``.
        any_key_made: whether a key was ever created. Revoking the last key does not allow
            anonymous requests again.
        addresses: the addresses that the API listens on and that the request was sent to.
    """
    if anonymous:
        return False
    return required or any_key_made or not all(map(is_loopback, addresses))


def check_exposure(
    host: str, *, anonymous: bool, required: bool, any_key_made: Callable[[], bool]
) -> None:
    """Check that the API is not opened to the network by mistake.

    Args:
        host: ``EASEL_HOST``.
        anonymous: ``EASEL_ALLOW_ANONYMOUS``.
        required: ``EASEL_REQUIRE_KEYS``.
        any_key_made: returns whether a key was ever created. Called only if it matters.

    Raises:
        InvalidSetting: the API would listen beyond loopback, and there is no API key.
    """
    if is_loopback(host) or anonymous or required or any_key_made():
        return
    raise InvalidSetting(
        f"EASEL_HOST={host} is reachable from the network, and there is no API key yet; create "
        "one with `easel keys create NAME`, or keep EASEL_HOST=127.0.0.1, or set "
        "EASEL_ALLOW_ANONYMOUS=true to let everybody post jobs"
    )
