"""Hosts on one machine: network namespaces with a switch between them.

Linux, root, and the commands ``unshare``, ``nsenter`` (util-linux) and ``ip`` (iproute2).
Each namespace is held by a process that ends with this one, so nothing is left behind,
however a test run ends. ::

    with Network() as network:
        host = network.host("worker1")
        subprocess.Popen(host.inside(["celery", ...]))  # listens on host.address
        host.cut_off()  # as if a switch in between had lost its power: silence
        host.join()
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from types import TracebackType

from celery.platforms import set_pdeathsig

#: Networks for measurements between devices (RFC 2544), which nobody else routes.
_PREFIX = "198.18"

#: Says that it is there, and waits for its end.
_HOLD = ["sh", "-c", "echo here; exec sleep infinity"]


def why_not() -> str | None:
    """What keeps this machine from having namespaces; None if nothing does."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    missing = [name for name in ("ip", "unshare", "nsenter") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} is not installed (Debian: iproute2, util-linux)"
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    tried = ["unshare", "--net", "--uts", "ip", "link", "add", "br0", "type", "bridge"]
    outcome = subprocess.run(tried, capture_output=True, text=True, check=False)
    return f"no network namespace: {outcome.stderr.strip()}" if outcome.returncode else None


class Host:
    """A host: its own name, its own address, its own loopback, and one cable.

    Args:
        name: at most ten letters, figures and hyphens.
        address: its own, and how long the network's part of that is.
        holder: the process that keeps its namespaces.
    """

    def __init__(
        self, name: str, address: str, holder: subprocess.Popen[str], switch: Host | None = None
    ) -> None:
        self.name = name
        self.address = address
        self._holder = holder
        self._switch = switch

    def inside(self, command: Iterable[str]) -> list[str]:
        """The command, to be run on this host. Its process id and its signals stay the same."""
        return ["nsenter", "--net", "--uts", f"--target={self._holder.pid}", "--", *command]

    def run(self, *command: str) -> None:
        """Run a command to its end.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        _run(*self.inside(command))

    @property
    def pid(self) -> int:
        """Of the process that keeps its namespaces."""
        return self._holder.pid

    def cut_off(self) -> None:
        """From now on whatever it sends, and whatever is sent to it, is lost without a word."""
        assert self._switch is not None
        self._switch.run("ip", "link", "set", self.name, "nomaster")

    def join(self) -> None:
        """Plug it in again."""
        assert self._switch is not None
        self._switch.run("ip", "link", "set", self.name, "master", "switch")


class Network:
    """A switch, this machine, and the hosts that are asked for. Use it in a ``with``."""

    def __init__(self) -> None:
        self._holders: list[subprocess.Popen[str]] = []
        self._hosts = 0

    def __enter__(self) -> Network:
        self._switch = Host("switch", "", self._hold())
        self._switch.run("ip", "link", "add", "switch", "type", "bridge")
        self._switch.run("ip", "link", "set", "switch", "up")
        self._subnet = _free_subnet()
        #: The address of the machine itself, on which its hosts can reach it.
        self.address = f"{self._subnet}.254"
        self._own_end = f"easel{self._switch.pid}"
        self._cable("machine", self._own_end, os.getpid())
        _run("ip", "address", "add", f"{self.address}/24", "dev", self._own_end)
        _run("ip", "link", "set", self._own_end, "up")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _run("ip", "link", "delete", self._own_end)  # at once; the kernel takes its time
        for holder in self._holders:
            holder.kill()
            holder.wait()
            assert holder.stdout is not None
            holder.stdout.close()

    def host(self, name: str) -> Host:
        """One more host. Processes on it are the caller's to end."""
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
        """From the switch, where its end is called ``here``, into another namespace."""
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
            preexec_fn=partial(set_pdeathsig, "SIGKILL"),  # a killed test run leaves nothing
        )
        self._holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "here\n", "no namespace was made"
        return holder


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _free_subnet() -> str:
    """The first three numbers of a network that this machine has no route into."""
    routes = _run("ip", "-4", "route", "show", "table", "all")
    # Two runs at the same time begin at different ones.
    candidates = (f"{_PREFIX}.{(os.getpid() + i) % 256}" for i in range(256))
    return next(subnet for subnet in candidates if f"{subnet}.0/24" not in routes)
