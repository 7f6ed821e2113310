"""Redis is demoted to a replica, and keeps the connections of its clients."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from redis import Redis

from cli.valkey import free_port
from core.runtime.redis import connect
from tests.faults.conftest import MEASURING, Proxied, Row
from tests.service import servers
from tests.service.cluster import Cluster
from tests.service.servers import PATIENCE_SECONDS, Server


class Pair:
    """A primary and its replica, which can change their roles."""

    def __init__(self, proxied: Proxied) -> None:
        cluster = proxied.cluster
        self._wires = (proxied.api_wire, proxied.wire)
        self._ports = [cluster.valkey_port, free_port()]
        folder = Path(mkdtemp(dir=cluster.folder))
        cluster.redis.config_set("repl-diskless-sync-delay", 0)
        primary, replica = self._ports
        command = servers.valkey(folder, replica)
        command += ["--replicaof", "127.0.0.1", str(primary), "--repl-diskless-sync-delay", "0"]
        self._server = cluster.keep(Server("replica", command, {}, cluster.log))

    def fail_over(self) -> None:
        """Exchange the roles. New connections lead to the new primary, old ones stay open."""
        old, new = self._ports
        primary, replica = (_client(port) for port in self._ports)
        _until(lambda: replica.info("replication").get("master_link_status") == "up")
        primary.execute_command("FAILOVER", "TO", "127.0.0.1", new)
        _until(lambda: replica.info("replication")["role"] == "master")
        self._ports = [new, old]
        for wire in self._wires:
            wire.target_port = new
        primary.close()
        replica.close()

    def close(self) -> None:
        self._server.kill()


def _client(port: int) -> Redis:
    return connect(f"redis://127.0.0.1:{port}/0", patience=PATIENCE_SECONDS)


def _until(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def pair(proxied: Proxied, single: Cluster) -> Iterator[Pair]:
    pair = Pair(proxied)
    yield pair
    pair.fail_over()  # back, for the tests that follow
    pair.close()


def test_jobs_flow_again_after_a_failover_that_leaves_connections_open(
    pair: Pair, single: Cluster, row: Row
) -> None:
    row(
        "R13",
        "Redis becomes a replica of another server during a job, and keeps its connections",
        "the API and the worker connect to the new primary; the job keeps its attempt",
        "from the failover until a new job and the running one have succeeded",
    )
    with single.holding() as held:
        child = held.worker.child()
        row.begin()
        pair.fail_over()
        waiting = single.post()
        single.open_gate()
        single.result(held.job_id)
        single.result(waiting)
        seconds = row.recovered()
        assert seconds < 15 or not MEASURING  # a busy machine takes longer
        assert held.worker.child() == child, "the worker was restarted"
        single.assert_undisturbed(held, attempts=1)
