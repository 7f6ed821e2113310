"""Requests without an API key that web pages of other sites make."""

from __future__ import annotations

import pytest

from core.errors import HostRefused, InvalidSetting, OriginRefused
from core.settings.model import Settings
from core.settings.sites import host_name, is_foreign_page, is_known_host

LOCAL = "127.0.0.1:8000"
EVIL = "https://evil.example"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8000", "localhost"),
        ("[::1]:8000", "::1"),
        ("easel.example.", "easel.example"),
        ("", ""),
        ("[", ""),
        (":80", ""),
    ],
)
def test_the_name_in_a_host_header_has_no_port(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("name", "known", "anonymous", "expected"),
    [
        ("127.0.0.1", (), False, True),
        ("::1", (), False, True),
        ("localhost", (), False, True),
        ("easel.localhost", (), False, True),
        ("evil.example", (), False, False),
        ("localhost.evil.example", (), False, False),
        ("", (), True, False),
        ("easel.example", ("easel.example",), False, True),
        ("a.easel.example", ("easel.example",), False, False),
        ("evil.example", ("*",), False, True),
        ("10.1.2.3", (), False, False),
        ("10.1.2.3", (), True, True),
        ("evil.example", (), True, False),
    ],
)
def test_known_hosts_are_loopback_the_settings_and_addresses_of_an_open_server(
    name: str, known: tuple[str, ...], anonymous: bool, expected: bool
) -> None:
    assert is_known_host(name, known, anonymous=anonymous) == expected


@pytest.mark.parametrize(
    ("headers", "reads", "origins", "expected"),
    [
        ({}, False, (), False),  # curl
        ({"sec-fetch-site": "none"}, True, (), False),  # typed into the address bar
        ({"sec-fetch-site": "same-origin", "origin": f"http://{LOCAL}"}, False, (), False),
        ({"origin": f"http://{LOCAL}"}, False, (), False),  # an old browser, or plain HTTP
        ({"origin": "http://127.0.0.1:3000"}, False, (), True),  # another port is another site
        ({"origin": EVIL}, False, (), True),
        ({"origin": EVIL}, True, (), True),
        ({"origin": "http://["}, False, (), True),
        ({"origin": "null"}, False, (), True),  # a local file, or a sandboxed frame
        ({"origin": EVIL, "sec-fetch-site": "cross-site"}, False, (EVIL,), False),
        ({"origin": EVIL, "sec-fetch-site": "cross-site"}, False, ("*",), False),
        ({"origin": EVIL}, False, ("https://shop.example",), True),
        ({"sec-fetch-site": "cross-site"}, True, (), True),  # <img>
        ({"sec-fetch-site": "cross-site"}, True, ("https://shop.example",), False),
        ({"sec-fetch-site": "same-site"}, True, (), True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True, (), False),  # a link
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, False, (), True),  # a form
    ],
)
def test_pages_of_other_sites_are_recognised_by_their_headers(
    headers: dict[str, str], reads: bool, origins: tuple[str, ...], expected: bool
) -> None:
    assert is_foreign_page({"host": LOCAL, **headers}, reads=reads, origins=origins) == expected


def test_the_errors_name_the_value_and_the_setting() -> None:
    local = Settings()
    with pytest.raises(HostRefused, match=r"'evil\.example:8000'.*EASEL_ALLOWED_HOSTS"):
        local.check_site({"host": "evil.example:8000"}, reads=True)
    with pytest.raises(OriginRefused, match=r"https://evil\.example may.*EASEL_CORS_ORIGINS"):
        local.check_site({"host": LOCAL, "origin": EVIL}, reads=False)
    with pytest.raises(HostRefused, match="not called ''"):
        local.check_site({}, reads=True)


def test_the_host_of_the_public_url_is_known() -> None:
    public = Settings(public_url="https://easel.example/api", allowed_hosts="Easel.lan, other")
    for host in ("easel.example", "easel.lan:8000", "other"):
        public.check_site({"host": host}, reads=True)


def test_the_page_at_the_public_url_is_the_own_one_behind_a_proxy_that_replaces_the_host() -> None:
    public = Settings(public_url="http://easel.lan:8080/api")
    public.check_site({"host": LOCAL, "origin": "http://easel.lan:8080"}, reads=False)
    for foreign in ("http://easel.lan", "http://easel.lan:3000", EVIL, "null", ""):
        for settings in (public, Settings()):
            with pytest.raises(OriginRefused):
                settings.check_site({"host": LOCAL, "origin": foreign}, reads=False)


def test_invalid_hosts_are_refused_as_settings() -> None:
    assert Settings(allowed_hosts="*").allowed_hosts == ("*",)
    for bad in ("https://easel.example", "easel.example:8000", "*.example"):
        with pytest.raises(InvalidSetting, match=r"EASEL_ALLOWED_HOSTS: .* is not a host"):
            Settings(allowed_hosts=bad)
