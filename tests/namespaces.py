"""Several hosts on one machine: network namespaces that are connected by a switch.

Needs Linux, root, and the commands ``unshare``, ``nsenter`` (util-linux) and ``ip`` (iproute2).
Each namespace belongs to a process that ends with this one, so that nothing is left behind however
a test run ends. ::

    with Subnet() as subnet:
        host = subnet.host("worker1")
        subprocess.Popen(host.inside(["celery", ...]))  # listens on host.address
        host.disconnect()  # as if the switch had lost power: packets are lost silently
        host.reconnect()
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from types import TracebackType

from cli.supervisor import die_with_parent
from tests.steady_network import changing_network

#: The network for benchmarks between devices (RFC 2544), which is routed nowhere else.
_PREFIX = "198.18"

#: Prints a line when it runs, and then waits to be killed.
_HOLD = ["sh", "-c", "echo here; exec sleep infinity"]


def unavailable_reason() -> str | None:
    """Return why this machine cannot have namespaces, or None if it can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces need Linux"
    missing = [name for name in ("ip", "unshare", "nsenter") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} is not installed (Debian: iproute2, util-linux)"
    if os.geteuid() != 0:
        return "network namespaces need root"
    command = ["unshare", "--net", "--uts", "ip", "link", "add", "br0", "type", "bridge"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"no network namespace: {outcome.stderr.strip()}" if outcome.returncode else None


class Host:
    """A host with its own name, address and loopback, connected to the switch.

    Args:
        name: at most ten letters, digits and hyphens.
        address: its address.
        holder: the process that its namespaces belong to.
        switch: the switch that it is connected to.
    """

    def __init__(
        self, name: str, address: str, holder: subprocess.Popen[str], switch: Host | None = None
    ) -> None:
        self.name = name
        self.address = address
        self._holder = holder
        self._switch = switch

    def inside(self, command: Iterable[str]) -> list[str]:
        """Return a command that runs this one on the host, with the same process id."""
        return ["nsenter", "--net", "--uts", f"--target={self._holder.pid}", "--", *command]

    def run(self, *command: str) -> None:
        """Run a command to its end.

        Raises:
            subprocess.CalledProcessError: The command failed.
        """
        _run(*self.inside(command))

    @property
    def pid(self) -> int:
        """The id of the process that its namespaces belong to."""
        return self._holder.pid

    def disconnect(self) -> None:
        """Lose all packets from and to the host silently."""
        assert self._switch is not None
        self._switch.run("ip", "link", "set", self.name, "nomaster")

    def reconnect(self) -> None:
        """Connect the host to the switch again."""
        assert self._switch is not None
        self._switch.run("ip", "link", "set", self.name, "master", "switch")


class Subnet:
    """A switch that connects this machine and other hosts. Use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._holders: list[subprocess.Popen[str]] = []
        self._hosts = 0

    def __enter__(self) -> Subnet:
        self._switch = Host("switch", "", self._hold())
        self._switch.run("ip", "link", "add", "switch", "type", "bridge")
        self._switch.run("ip", "link", "set", "switch", "up")
        self._subnet = _free_subnet()
        #: The address at which the hosts can reach this machine.
        self.address = f"{self._subnet}.254"
        self._own_end = f"easel{self._switch.pid}"
        with changing_network():
            self._cable("machine", self._own_end, os.getpid())
            # No address of IPv6, which the kernel would add a second later.
            _run("ip", "link", "set", self._own_end, "addrgenmode", "none")
            _run("ip", "address", "add", f"{self.address}/24", "dev", self._own_end)
            _run("ip", "link", "set", self._own_end, "up")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with changing_network():
            _run("ip", "link", "delete", self._own_end)  # now; the kernel would do so later
        for holder in self._holders:
            holder.kill()
            holder.wait()
            assert holder.stdout is not None
            holder.stdout.close()

    def host(self, name: str) -> Host:
        """Add a host. The caller must end the processes on it."""
        self._hosts += 1
        address = f"{self._subnet}.{self._hosts}"
        host = Host(name, address, self._hold(), self._switch)
        self._cable(name, "eth0", host.pid)
        host.run("hostname", name)
        host.run("ip", "link", "set", "lo", "up")
        host.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        return host

    def _cable(self, here: str, there: str, pid: int) -> None:
        """Connect the switch to another namespace.

        Args:
            here: the name of the switch's end.
            there: the name of the other end.
            pid: a process in the other namespace.
        """
        switch = self._switch
        far = ["peer", "name", there, "netns", str(pid)]
        switch.run("ip", "link", "add", here, "type", "veth", *far)
        switch.run("ip", "link", "set", here, "master", "switch")
        switch.run("ip", "link", "set", here, "up")

    def _hold(self) -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            ["unshare", "--net", "--uts", *_HOLD],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        self._holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "here\n", "no namespace was created"
        return holder


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _free_subnet() -> str:
    """Return the first three numbers of a network that this machine has no route to."""
    routes = _run("ip", "-4", "route", "show", "table", "all")
    # Concurrent runs start at different candidates.
    candidates = (f"{_PREFIX}.{(os.getpid() + i) % 256}" for i in range(256))
    return next(subnet for subnet in candidates if f"{subnet}.0/24" not in routes)
