"""The network namespaces of the fleet tests behave like hosts."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.namespaces import Host, Subnet, unavailable_reason

pytestmark = pytest.mark.skipif(unavailable_reason() is not None, reason=str(unavailable_reason()))

_SERVER = """
import socket, sys
with socket.create_server((sys.argv[1], 80)) as server:
    print(socket.gethostname(), flush=True)
    while True:
        server.accept()[0].close()
"""


@pytest.fixture(scope="module")
def subnet() -> Iterator[Subnet]:
    with Subnet() as subnet:
        yield subnet


@pytest.fixture(scope="module")
def other(subnet: Subnet) -> Host:
    return subnet.host("other")


@pytest.fixture(scope="module")
def server(subnet: Subnet) -> Iterator[Host]:
    """A host with a listening server."""
    host = subnet.host("server")
    command = host.inside([sys.executable, "-c", _SERVER, host.address])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "server\n"
        yield host
        process.kill()


def test_a_host_is_reachable_from_the_machine_and_from_other_hosts(
    server: Host, other: Host
) -> None:
    socket.create_connection((server.address, 80), timeout=60).close()
    _connect(other, server)


def test_a_disconnected_host_is_unreachable_until_it_is_reconnected(
    server: Host, other: Host
) -> None:
    server.disconnect()
    with pytest.raises(subprocess.CalledProcessError):
        _connect(other, server, seconds=0.5)
    server.reconnect()
    _connect(other, server)


def test_a_closed_network_leaves_no_address() -> None:
    with Subnet() as subnet:
        assert f"{subnet.address}/24" in _addresses()
    assert f"{subnet.address}/24" not in _addresses()


def _connect(source: Host, target: Host, seconds: float = 60) -> None:
    code = f"import socket; socket.create_connection(({target.address!r}, 80), {seconds})"
    source.run(sys.executable, "-c", code)


def _addresses() -> str:
    return subprocess.run(["ip", "address"], check=True, capture_output=True, text=True).stdout
