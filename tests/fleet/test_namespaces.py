"""The network namespaces of the fleet tests behave like hosts."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.namespaces import Host, Network, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

_SERVER = """
import socket, sys
with socket.create_server((sys.argv[1], 80)) as server:
    print(socket.gethostname(), flush=True)
    while True:
        server.accept()[0].close()
"""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture(scope="module")
def other(network: Network) -> Host:
    return network.host("other")


@pytest.fixture(scope="module")
def server(network: Network) -> Iterator[Host]:
    """A host with a listening server."""
    host = network.host("server")
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
    with Network() as network:
        assert f"{network.address}/24" in _addresses()
    assert f"{network.address}/24" not in _addresses()


def _connect(source: Host, target: Host, seconds: float = 60) -> None:
    code = f"import socket; socket.create_connection(({target.address!r}, 80), {seconds})"
    source.run(sys.executable, "-c", code)


def _addresses() -> str:
    return subprocess.run(["ip", "address"], check=True, capture_output=True, text=True).stdout
