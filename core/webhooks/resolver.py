"""Names of hosts, within a time: the system's resolver takes as long as it likes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

#: Gives the addresses of a name, as text.
Resolver = Callable[[str], Sequence[str]]


def system_resolver(host: str) -> list[str]:
    """The addresses that this machine's resolver has for a name.

    Raises:
        OSError: it has none, or cannot be asked.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class TimedResolver:
    """Asks a resolver in threads of its own, and waits so long and no longer.

    Args:
        seconds: the longest wait.
        resolver: asked.
        threads: how many names are asked for at a time, those that nobody waits for any
            more among them.
    """

    def __init__(
        self, seconds: float, resolver: Resolver = system_resolver, threads: int = 64
    ) -> None:
        self._seconds = seconds
        self._resolver = resolver
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    def __call__(self, host: str) -> Sequence[str]:
        """The addresses of a name.

        Raises:
            TimeoutError: they did not come in time; it is an OSError too.
            OSError: as the resolver.
        """
        asked = self._threads.submit(self._resolver, host)
        try:
            return asked.result(self._seconds)
        finally:
            asked.cancel()
