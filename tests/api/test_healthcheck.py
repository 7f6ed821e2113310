"""The health check of the API container."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import httpx

from api.deps import Services
from api.healthcheck import is_alive
from core.runtime.redis import connect
from core.store.statistics import StatisticsReader
from core.store.workers import WorkerRegistry
from tests.api.conftest import serving
from tests.api.webhooks.test_webhooks import replaced

ROOT = Path(__file__).parent.parent.parent


def test_an_api_that_answers_is_alive(client: httpx.Client) -> None:
    port = client.base_url.port
    assert port is not None
    assert is_alive("127.0.0.1", port)
    assert is_alive("0.0.0.0", port)


def test_an_api_without_redis_is_alive(services: Services) -> None:
    unreachable = connect("redis://127.0.0.1:1/0", patience=0)
    without_redis = replaced(
        services, statistics=StatisticsReader(unreachable), workers=WorkerRegistry(unreachable)
    )
    with serving(without_redis) as client:
        assert client.get("/readyz").status_code == 503
        assert client.base_url.port is not None
        assert is_alive("127.0.0.1", client.base_url.port)


def test_a_silent_server_and_a_closed_port_are_not_alive() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert not is_alive("127.0.0.1", port, seconds=0.2)
    assert not is_alive("127.0.0.1", port)


def test_the_exit_status_is_the_result_of_the_check(client: httpx.Client) -> None:
    for port, status in ((client.base_url.port, 0), (1, 1)):
        environment = {"EASEL_HOST": "0.0.0.0", "EASEL_PORT": str(port)}
        command = [sys.executable, "-m", "api.healthcheck"]
        assert subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == status
