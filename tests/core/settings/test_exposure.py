"""Anonymous access: where the API may listen, and which requests need an API key."""

from __future__ import annotations

import pytest

from core.errors import InvalidSetting
from core.settings.exposure import is_loopback, refuses_anonymous
from core.settings.model import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_listening_on_loopback_needs_no_key(host: str) -> None:
    Settings(host=host).check_exposure(lambda: False)


def test_listening_on_the_network_needs_a_key_or_a_setting() -> None:
    with pytest.raises(InvalidSetting, match=r"HOST=0\.0\.0\.0.*easel keys create.*ANONYMOUS"):
        Settings(host="0.0.0.0").check_exposure(lambda: False)
    Settings(host="0.0.0.0").check_exposure(lambda: True)
    Settings(host="0.0.0.0", require_keys=True).check_exposure(lambda: False)
    Settings(host="0.0.0.0", allow_anonymous=True).check_exposure(lambda: False)


@pytest.mark.parametrize(
    ("anonymous", "required", "any_key_made", "addresses", "expected"),
    [
        (False, False, False, ("127.0.0.1", "127.0.0.1"), False),
        (False, False, False, ("localhost", "::1"), False),
        (False, False, True, ("127.0.0.1", "127.0.0.1"), True),
        (False, True, False, ("127.0.0.1", "127.0.0.1"), True),
        (False, False, False, ("0.0.0.0", "127.0.0.1"), True),
        (False, False, False, ("127.0.0.1", "10.0.0.1"), True),
        (True, False, True, ("0.0.0.0", "10.0.0.1"), False),
    ],
)
def test_anonymous_requests_are_refused_unless_the_api_is_local_or_allows_them(
    anonymous: bool, required: bool, any_key_made: bool, addresses: tuple[str, ...], expected: bool
) -> None:
    refused = refuses_anonymous(
        anonymous=anonymous, required=required, any_key_made=any_key_made, addresses=addresses
    )
    assert refused == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("easel.example", False),
    ],
)
def test_loopback_addresses_are_recognised(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected
