"""Webhooks are sent to public addresses only, whatever the notation of the address."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator

import pytest

from core.errors import AddressRefused, NameNotResolved
from core.webhooks.addresses import (
    AddressGuard,
    TimedResolver,
    is_public,
    parse_host,
)

PUBLIC = ("93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450::1")

NOT_PUBLIC = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "100.64.0.1", "169.254.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255",
    # metadata services of clouds, which return credentials
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "fd00:ec2::254", "fd20:ce::254",
    "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fdff::1", "ff02::1", "ff0e::1", "100::1",
    "2001:db8::1", "3fff::1", "64:ff9b:1::1", "5f00::1",
    # an IPv4 address inside an IPv6 one: mapped, compatible, translated, 6to4, Teredo
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "2002:7f00:1::", "2001:0:7f00:1::",
)  # fmt: skip

#: Hosts that some programs interpret as 127.0.0.1, and strings that are not hosts.
INVALID_HOSTS = (
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "017700000001", "127.1",
    "127.0.1", "127.0.0.01", "127.0.0.1.", "0", "0x", "1.2.3.4.5", "256.0.0.1", "localhost.0x",
    "fe80::1%eth0", "[::1]", "::g", "1::2::3", "", ".", "a..b", "-a.example", "a-.example",
    "１２７.0.0.1", "127。0。0。1", "ⓔxample.com", "a b.example", "a/b", "a" * 64 + ".example",
    "a." * 127 + "example", "host\x00.example",
)  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_permitted(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))
    assert [str(each) for each in AddressGuard().addresses(text)] == [text]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_addresses_that_are_not_public_are_refused_directly_and_behind_a_name(text: str) -> None:
    with pytest.raises(AddressRefused, match="EASEL_WEBHOOK_ALLOWED_NETWORKS="):
        AddressGuard().addresses(text)
    with pytest.raises(AddressRefused, match=r"hooks\.example"):
        AddressGuard(resolver=lambda _: [text]).addresses("hooks.example")


@pytest.mark.parametrize("host", INVALID_HOSTS)
def test_ambiguous_and_malformed_hosts_are_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"^has (a zone index|the host)"):
        parse_host(host)


@pytest.mark.parametrize("host", ["example.com", "a_b.example.", "xn--bcher-kva.example", "7.de"])
def test_host_names_are_not_addresses(host: str) -> None:
    assert parse_host(host) is None


def test_a_name_is_refused_if_any_of_its_addresses_is_not_public() -> None:
    guard = AddressGuard(resolver=lambda _: ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(AddressRefused):
        guard.addresses("hooks.example")


def test_the_error_does_not_reveal_whether_a_refused_name_exists() -> None:
    # Otherwise callers could find out the names of an internal network.
    def no_such_name(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    messages = []
    for guard in (
        AddressGuard(resolver=lambda _: ["10.0.0.1"]),
        AddressGuard(resolver=no_such_name),
        AddressGuard(resolver=lambda _: []),
        AddressGuard(resolver=lambda _: ["fe80::1%eth0"]),
    ):
        with pytest.raises(AddressRefused) as refused:
            guard.addresses("intranet.example")
        messages.append(str(refused.value))
    assert len(set(messages)) == 1
    assert "10.0.0.1" not in messages[0]


def test_an_allowed_network_permits_its_own_addresses_only() -> None:
    guard = AddressGuard(
        (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("::1/128")),
        resolver=lambda host: {"inside.example": ["10.1.2.3"], "next.example": ["10.2.0.1"]}[host],
    )
    assert [str(each) for each in guard.addresses("inside.example")] == ["10.1.2.3"]
    assert [str(each) for each in guard.addresses("::1")] == ["::1"]
    for host in ("next.example", "127.0.0.1", "::ffff:10.1.2.3"):
        with pytest.raises(AddressRefused):
            guard.addresses(host)


@pytest.mark.parametrize(
    "failure", [socket.gaierror(socket.EAI_AGAIN, "try again"), OSError("no network")]
)
def test_a_name_that_cannot_be_resolved_is_checked_later(failure: OSError) -> None:
    def fail(host: str) -> list[str]:
        raise failure

    with pytest.raises(NameNotResolved):
        AddressGuard(resolver=fail).addresses("hooks.example")
    AddressGuard(resolver=fail).check("hooks.example")


@pytest.fixture
def blocked() -> Iterator[threading.Event]:
    """An event to wait for in resolver threads; set after the test, so that they end."""
    event = threading.Event()
    yield event
    event.set()


def test_a_slow_lookup_times_out(blocked: threading.Event) -> None:
    def slow(host: str) -> list[str]:
        blocked.wait(60)
        return ["10.0.0.1"]

    guard = AddressGuard(resolver=TimedResolver(0.01, slow, threads=4))
    with pytest.raises(NameNotResolved, match=r"slow\.example cannot be resolved at the moment"):
        guard.addresses("slow.example")
    for _ in range(10):  # more lookups than threads
        guard.check("slow.example")


def test_a_lookup_in_time_returns_the_addresses() -> None:
    guard = AddressGuard(resolver=TimedResolver(60, {"one.example": ["1.1.1.1"]}.__getitem__))
    assert [str(each) for each in guard.addresses("one.example")] == ["1.1.1.1"]
