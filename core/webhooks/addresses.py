"""Which addresses Easel sends to: the public ones, and those that a deployment allows.

A name is resolved once; every address that it has must pass; and the connection goes
to one of the addresses that passed (``api.webhooks.pinning``). So there is no moment at which a
name could begin to mean another machine.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from core.errors import AddressRefused, NameNotResolved
from core.webhooks.resolver import Resolver, system_resolver

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: The setting that lets a deployment send elsewhere.
SETTING = "EASEL_WEBHOOK_ALLOWED_NETWORKS"

#: What is not one machine on the open internet. Written out, because what ``ipaddress``
#: holds for global differs between the releases of Python.
_SPECIAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a provider's customers; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, which also answers for metadata
        "169.254.0.0/16",  # link-local; the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "2001::/23",  # protocol assignments; Teredo carries an IPv4 address inside
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 carries an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
#: All of IPv6 that was given out so far. Mapped, translated and local addresses lie outside.
_IPV6_UNICAST = ipaddress.ip_network("2000::/3")

#: The last part of a host's name that makes browsers and C libraries read all of it as
#: an IPv4 address, in decimal, octal or hexadecimal.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)


def is_public(address: Address) -> bool:
    """Whether the address is one machine on the open internet, and says so plainly."""
    if isinstance(address, IPv6Address) and address not in _IPV6_UNICAST:
        return False
    return not any(address in each for each in _SPECIAL if each.version == address.version)


def read_host(host: str) -> Address | None:
    """The address that a URL's host spells out; None where it is a name.

    Raises:
        ValueError: it is neither, or an address in a spelling that programs read differently.
    """
    if ":" in host:
        if "%" in host:
            raise ValueError("has a zone, which means something on one machine only")
        try:
            return IPv6Address(host)
        except ValueError:
            raise ValueError("is no IPv6 address") from None
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return IPv4Address(host)
        except ValueError:
            raise ValueError("is no address as in 192.0.2.1, with four decimal numbers") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("is no host name; write an international one in its xn-- form")
    return None


@dataclass(frozen=True)
class AddressGuard:
    """Says which addresses a host may be reached at.

    Args:
        allowed: networks that pass although they are not public.
        resolver: gives the addresses of a name.
    """

    allowed: tuple[Network, ...] = ()
    resolver: Resolver = system_resolver

    def passes(self, address: Address) -> bool:
        """Whether a connection to the address is all right."""
        return is_public(address) or self.is_allowed(address)

    def is_allowed(self, address: Address) -> bool:
        """Whether the deployment allows the address expressly."""
        return any(address in each for each in self.allowed if each.version == address.version)

    def addresses(self, host: str) -> tuple[Address, ...]:
        """Where to connect to for this host: resolved once, and each address checked.

        Raises:
            AddressRefused: not all of its addresses pass, or the name is known not to exist.
                What a name leads to is not told: it may be nobody's business.
            NameNotResolved: the name cannot be resolved now.
        """
        literal = read_host(host)
        if literal is not None:
            if not self.passes(literal):
                raise AddressRefused(
                    f"{literal} is no public address, and Easel sends to no other; "
                    f"the deployment can allow it with {SETTING}={literal}"
                )
            return (literal,)
        found = self._resolve(host)
        if not found or not all(self.passes(address) for address in found):
            raise _refused(host)
        return found

    def _resolve(self, host: str) -> tuple[Address, ...]:
        try:
            texts = self.resolver(host)
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)):
                raise _refused(host) from error
            raise NameNotResolved(f"{host} cannot be resolved now") from error
        except (OSError, UnicodeError) as error:
            raise NameNotResolved(f"{host} cannot be resolved now") from error
        try:
            return tuple(ipaddress.ip_address(text) for text in texts)
        except ValueError as error:  # an address with a zone
            raise _refused(host) from error


class PromptGuard:
    """A guard for callers who cannot wait: what a slow name means is left open.

    Args:
        guard: asked in a few threads of its own.
        seconds: the longest wait.
    """

    def __init__(self, guard: AddressGuard, seconds: float = 2.0) -> None:
        self._guard = guard
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="resolver")

    @property
    def guard(self) -> AddressGuard:
        """The one that is asked."""
        return self._guard

    def check(self, host: str) -> None:
        """Refuse the host if it is known by now that nothing can be sent there.

        Raises:
            AddressRefused: it is.
        """
        asked = self._threads.submit(self._guard.addresses, host)
        try:
            asked.result(self._seconds)
        except (TooSlow, NameNotResolved):
            asked.cancel()  # the sender will ask again


def _refused(host: str) -> AddressRefused:
    return AddressRefused(
        f"{host} does not lead to public addresses alone, and Easel sends to no other; "
        f"the deployment can allow more with {SETTING}, such as {SETTING}=10.1.2.0/24"
    )
