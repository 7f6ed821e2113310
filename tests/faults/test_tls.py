"""Redis behind TLS with a private authority, an ACL user, and a password of special characters."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.faults.conftest import Row
from tests.receiver import Receiver
from tests.service.cluster import QUICK, Cluster
from tests.service.proxy import Wire
from tests.service.servers import Server
from tests.service.tls import TlsServer

PASSWORD = "p@ss:w/r#d?;[%41]"

#: The first byte of a TLS connection: the content type of a handshake.
HANDSHAKE = b"\x16"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[Cluster, Wire]]:
    """``easel serve`` with a server that accepts nothing but TLS."""
    cluster = Cluster(tmp_path, **QUICK, EASEL_WEBHOOK_ALLOWED_NETWORKS="127.0.0.0/8")
    cluster.start_valkey()
    tls = TlsServer(cluster.valkey_port, tmp_path / "authority.pem")
    wire = Wire(tls.port)
    acl = ("on", f">{PASSWORD}", "~*", "&*", "+@all")
    cluster.redis.execute_command("ACL", "SETUSER", "easel", *acl)
    user = f"easel:{quote(PASSWORD, safe='')}"
    options = f"ssl_ca_certs={tmp_path / 'authority.pem'}&ssl_cert_reqs=CERT_REQUIRED"
    url = f"rediss://{user}@127.0.0.1:{wire.port}/0?{options}"
    environment = {**cluster.environment, "EASEL_REDIS_URL": url}
    cluster.keep(Server("serve", [sys.executable, "-m", "cli", "serve"], environment, cluster.log))
    yield cluster, wire
    cluster.stop()
    wire.close()
    tls.close()


def test_every_connection_to_a_rediss_url_begins_with_a_tls_handshake(
    serving: tuple[Cluster, Wire], row: Row
) -> None:
    row(
        "R12",
        "Redis accepts nothing but TLS, with a private authority and an ACL user",
        "every connection of every process begins with a TLS handshake; jobs and webhooks work",
    )
    cluster, wire = serving
    cluster.log.wait("worker ready")
    with Receiver() as receiver:
        cluster.result(cluster.post(webhook_url=receiver.url()))
        assert receiver.next()
    assert set(wire.first_bytes) - {b""} == {HANDSHAKE}
    assert PASSWORD not in str(vars(cluster.log))
    assert quote(PASSWORD, safe="") not in str(vars(cluster.log))
