"""Nothing but a public machine is sent to, however its address is written."""

from __future__ import annotations

import ipaddress
import socket
import threading

import pytest

from core.errors import AddressRefused, NameNotResolved
from core.webhooks.addresses import (
    AddressGuard,
    PromptGuard,
    is_public,
    read_host,
)

PUBLIC = ("93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450::1")

NOT_PUBLIC = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "100.64.0.1", "169.254.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255",
    # where clouds answer with credentials
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "fd00:ec2::254", "fd20:ce::254",
    "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fdff::1", "ff02::1", "ff0e::1", "100::1",
    "2001:db8::1", "3fff::1", "64:ff9b:1::1", "5f00::1",
    # an IPv4 address inside an IPv6 one: mapped, compatible, translated, 6to4, Teredo
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "2002:7f00:1::", "2001:0:7f00:1::",
)  # fmt: skip

#: Hosts that some program somewhere reads as 127.0.0.1, or that are no host at all.
NO_HOSTS = (
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "017700000001", "127.1",
    "127.0.1", "127.0.0.01", "127.0.0.1.", "0", "0x", "1.2.3.4.5", "256.0.0.1", "localhost.0x",
    "fe80::1%eth0", "[::1]", "::g", "1::2::3", "", ".", "a..b", "-a.example", "a-.example",
    "１２７.0.0.1", "127。0。0。1", "ⓔxample.com", "a b.example", "a/b", "a" * 64 + ".example",
    "a." * 127 + "example", "host\x00.example",
)  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_passes(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))
    assert [str(each) for each in AddressGuard().addresses(text)] == [text]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused_as_a_host_and_behind_a_name(text: str) -> None:
    with pytest.raises(AddressRefused, match="EASEL_WEBHOOK_ALLOWED_NETWORKS="):
        AddressGuard().addresses(text)
    with pytest.raises(AddressRefused, match=r"hooks\.example"):
        AddressGuard(resolver=lambda _: [text]).addresses("hooks.example")


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_programs_read_differently_is_no_host(host: str) -> None:
    with pytest.raises(ValueError, match=r"^(is no|has a)"):
        read_host(host)


@pytest.mark.parametrize("host", ["example.com", "a_b.example.", "xn--bcher-kva.example", "7.de"])
def test_a_name_is_a_name(host: str) -> None:
    assert read_host(host) is None


def test_one_address_that_does_not_pass_spoils_the_name() -> None:
    guard = AddressGuard(resolver=lambda _: ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(AddressRefused):
        guard.addresses("hooks.example")


def test_a_refused_name_and_one_that_does_not_exist_are_told_alike() -> None:
    # Else a caller could learn which names there are inside.
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


def test_an_allowed_network_passes_and_nothing_beside_it() -> None:
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
def test_a_resolver_that_is_away_leaves_the_question_open(failure: OSError) -> None:
    def away(host: str) -> list[str]:
        raise failure

    with pytest.raises(NameNotResolved):
        AddressGuard(resolver=away).addresses("hooks.example")
    PromptGuard(AddressGuard(resolver=away)).check("hooks.example")


def test_a_slow_resolver_is_not_waited_for() -> None:
    release = threading.Event()

    def slow(host: str) -> list[str]:
        release.wait()
        return ["10.0.0.1"]

    guard = PromptGuard(AddressGuard(resolver=slow), seconds=0.01)
    for _ in range(10):  # more than it has threads
        guard.check("hooks.example")
    release.set()
