"""The addresses that webhooks may be sent to: public ones, and allowed networks.

A host name is resolved once, all of its addresses are checked, and the connection is
made to one of them (``api.webhooks.pinning``). A name that resolves differently a moment
later (DNS rebinding) therefore has no effect.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from core.errors import AddressRefused, NameNotResolved

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Returns the addresses of a host name, as text. Raises OSError if it cannot be resolved.
Resolver = Callable[[str], Sequence[str]]

#: The setting that allows addresses that are not public.
SETTING = "EASEL_WEBHOOK_ALLOWED_NETWORKS"

#: Networks that are not single hosts on the public internet. They are listed here because
#: ``ipaddress.is_global`` differs between Python releases.
_SPECIAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata service
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, which also serves metadata
        "169.254.0.0/16",  # link-local; the metadata service of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "2001::/23",  # protocol assignments; Teredo embeds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 embeds an IPv4 address
        "3fff::/20",  # documentation
    )
)
#: The IPv6 space allocated so far. Mapped, translated and local addresses lie outside.
_IPV6_UNICAST = ipaddress.ip_network("2000::/3")

#: If the last label of a host matches, browsers and C libraries read the whole host as an
#: IPv4 address, in decimal, octal or hexadecimal.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)


def system_resolver(host: str) -> list[str]:
    """Resolve a host name with the resolver of the operating system.

    Raises:
        OSError: the name has no addresses, or the resolver cannot be reached.
    """
    results = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in results))


class TimedResolver:
    """A resolver with a time limit, which the operating system's resolver lacks.

    Names are resolved in threads of its own. A lookup that timed out occupies its thread
    until the operating system answers.

    Args:
        seconds: the longest wait for a lookup.
        resolver: resolves the names.
        threads: the most simultaneous lookups, including those that have timed out.
    """

    def __init__(
        self, seconds: float, resolver: Resolver = system_resolver, threads: int = 64
    ) -> None:
        self._seconds = seconds
        self._resolver = resolver
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    def __call__(self, host: str) -> Sequence[str]:
        """Return the addresses of a host name.

        Raises:
            TimeoutError: the lookup took too long. This is an OSError, too.
            OSError: as the resolver.
        """
        lookup = self._threads.submit(self._resolver, host)
        try:
            return lookup.result(self._seconds)
        finally:
            lookup.cancel()


def is_public(address: Address) -> bool:
    """Return whether the address is a single host on the public internet."""
    if isinstance(address, IPv6Address) and address not in _IPV6_UNICAST:
        return False
    return not any(address in each for each in _SPECIAL if each.version == address.version)


def parse_host(host: str) -> Address | None:
    """Return the address if a URL's host is one, or None if it is a name.

    Raises:
        ValueError: the host is neither, or is an address in a notation that programs
            interpret differently.
    """
    if ":" in host:
        if "%" in host:
            raise ValueError("has a zone index, which is valid on one machine only; leave it out")
        try:
            return IPv6Address(host)
        except ValueError:
            raise ValueError(f"has the host {host!r}; expected an IPv6 address") from None
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return IPv4Address(host)
        except ValueError:
            raise ValueError(
                f"has the host {host!r}; expected an address of four decimal numbers, as in "
                "192.0.2.1"
            ) from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            f"has the host {host!r}; expected a host name, international names in their xn-- form"
        )
    return None


@dataclass(frozen=True)
class AddressGuard:
    """Checks the addresses of hosts, to prevent server-side request forgery.

    Args:
        allowed: networks that are allowed although they are not public.
        resolver: resolves host names.
    """

    allowed: tuple[Network, ...] = ()
    resolver: Resolver = system_resolver

    def passes(self, address: Address) -> bool:
        """Return whether connections to the address are permitted."""
        allowed = any(address in each for each in self.allowed if each.version == address.version)
        return allowed or is_public(address)

    def addresses(self, host: str) -> tuple[Address, ...]:
        """Resolve a host once, and return its addresses after checking all of them.

        Raises:
            AddressRefused: an address is not permitted, or the name does not exist. The two
                cases have the same message, which has no address: callers must not learn
                about names of an internal network.
            NameNotResolved: the name cannot be resolved at the moment.
        """
        literal = parse_host(host)
        if literal is not None:
            if not self.passes(literal):
                raise AddressRefused(
                    f"{literal} is not a public address; expected one, or an address that "
                    f"this server allows with {SETTING}={literal}"
                )
            return (literal,)
        resolved = self._resolve(host)
        if not resolved or not all(self.passes(address) for address in resolved):
            raise _refused(host)
        return resolved

    def check(self, host: str) -> None:
        """Refuse a host that is known not to be permitted.

        A name that cannot be resolved at the moment is accepted: it is checked again
        before every delivery.

        Raises:
            AddressRefused: as :meth:`addresses`.
        """
        with suppress(NameNotResolved):
            self.addresses(host)

    def _resolve(self, host: str) -> tuple[Address, ...]:
        try:
            texts = self.resolver(host)
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)):
                raise _refused(host) from error
            raise NameNotResolved(f"{host} cannot be resolved at the moment") from error
        except (OSError, UnicodeError) as error:
            raise NameNotResolved(f"{host} cannot be resolved at the moment") from error
        try:
            return tuple(ipaddress.ip_address(text) for text in texts)
        except ValueError as error:  # an address with a zone index
            raise _refused(host) from error


def _refused(host: str) -> AddressRefused:
    return AddressRefused(
        f"{host} does not resolve to public addresses only; expected that, or addresses that "
        f"this server allows with {SETTING}, such as {SETTING}=10.1.2.0/24"
    )
