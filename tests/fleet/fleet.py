"""A service on many hosts that share only Redis and a blob store."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from core.runtime.redis import connect
from core.store.api_keys import KeyStore
from tests.namespaces import Host, Subnet
from tests.service import servers
from tests.service.cluster import CONTENT, QUICK, SMALL, STYLE
from tests.service.log import Log
from tests.service.servers import PATIENCE_SECONDS, ROOT, Server

_PORT, _S3_PORT, _REDIS_PORT = 8000, 5000, 6379

#: The packages that make up a version of Easel.
_PACKAGES = ("core", "api", "worker", "cli", "easel")


class Fleet:
    """Hosts, and the processes that run on them.

    Args:
        folder: holds the disks of the hosts.
        subnet: the subnet of the hosts.
        name: a prefix of the host names, which distinguishes several fleets.
    """

    def __init__(self, folder: Path, subnet: Subnet, name: str = "") -> None:
        self.folder = folder
        self.log = Log()
        self._subnet = subnet
        self._name = name
        self._servers: list[Server] = []
        self._clients: list[httpx.Client] = []
        self._gate = folder / "gate"
        servers.save_tiny_networks(folder / "weights")
        store = subnet.host(f"{name}redis")
        self.redis_url = f"redis://{store.address}:{_REDIS_PORT}/0"
        self.environment: dict[str, str] = {}
        self._run(store, servers.valkey(folder, _REDIS_PORT, store.address), {})
        self.redis: Redis = connect(self.redis_url, patience=2 * PATIENCE_SECONDS)
        self.redis.ping()
        _, self.key = KeyStore(self.redis).create("tester")
        self.environment = {
            "EASEL_REDIS_URL": self.redis_url,
            "EASEL_WEIGHTS_DIR": str(folder / "weights"),
            "EASEL_PORT": str(_PORT),
            "FAULT_GATE": str(self._gate),
            "OMP_NUM_THREADS": "1",
            **QUICK,
        }

    def keep_pictures_in_s3(self) -> None:
        """Store pictures in a bucket of an S3 server on its own host."""
        host = self._subnet.host(f"{self._name}s3")
        address = f"http://{host.address}:{_S3_PORT}"
        command = ["-m", "moto.server", "-H", host.address, "-p", str(_S3_PORT)]
        self._run(host, [sys.executable, *command], {})
        _wait_for_server(f"{address}/moto-api/")
        httpx.put(f"{address}/pictures").raise_for_status()
        self.environment |= {
            "EASEL_BLOBS": "s3://pictures/easel",
            "EASEL_S3_ENDPOINT": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }

    def keep_pictures_in_redis(self) -> None:
        """Store pictures in the Redis server that holds the jobs."""
        self.environment |= {"EASEL_BLOBS": "redis://"}

    def start_api(self, name: str, code: Path = ROOT) -> httpx.Client:
        """Start an API replica on its own host, and return a client of it."""
        host = self._subnet.host(f"{self._name}{name}")
        server = self._run(host, servers.api(), {"EASEL_HOST": host.address}, code)
        self.log.wait(servers.listening(host.address, _PORT), process=server.name)
        client = httpx.Client(
            base_url=f"http://{host.address}:{_PORT}",
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=60,
        )
        self._clients.append(client)
        return client

    def start_worker(self, name: str, code: Path = ROOT) -> Server:
        """Start a worker on its own host. It is not ready yet."""
        host = self._subnet.host(f"{self._name}{name}")
        command = servers.worker(host.name)
        if code != ROOT:
            command = command[: command.index("--include")]  # its code has no tests
        return self._run(host, command, {}, code)

    def ready(self, *workers: Server) -> None:
        """Wait until these workers take jobs."""
        for worker in workers:
            self.log.wait("worker ready", process=worker.name)

    def _run(
        self, host: Host, command: list[str], variables: dict[str, str], code: Path = ROOT
    ) -> Server:
        data = self.folder / "disks" / host.name
        environment = {**self.environment, "EASEL_DATA_DIR": str(data), **variables}
        server = Server(host.name, host.inside(command), environment, self.log, code)
        server.host = host
        self._servers.append(server)
        return server

    def stop(self) -> None:
        """Kill all processes and close all clients."""
        for server in self._servers:
            server.kill()
        self.redis.close()
        for client in self._clients:
            client.close()

    def post(self, client: httpx.Client, **fields: Any) -> dict[str, Any]:
        """Post a job to a replica, which must accept it."""
        headers = fields.pop("headers", {})
        response = client.post(
            "/jobs",
            files={"content": CONTENT, "style": STYLE},
            data={**SMALL, "steps": 20, **fields},
            headers=headers,
        )
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    def batch(self, client: httpx.Client) -> dict[str, Any]:
        """Post a batch of one job to a replica, and return it once it is done."""
        response = client.post(
            "/batches",
            files={"content": CONTENT, "style": STYLE},
            data={**SMALL, "steps": 4, "mode": "grid"},
        )
        assert response.status_code == 202, response.text
        return self.ended(client, response.json())

    def ended(self, client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
        """Poll a replica until the job or batch is done, and return it."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            polled: dict[str, Any] = client.get(job["links"]["self"], params={"wait": 10}).json()
            if polled["done"]:
                return polled
        raise AssertionError(f"{job['id']} did not end in {PATIENCE_SECONDS} s")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold all jobs in the middle of their run."""
        self._gate.touch()
        try:
            yield
        finally:
            self.open_gate()

    def open_gate(self) -> None:
        """Let jobs run to their end."""
        self._gate.unlink(missing_ok=True)


def next_version(folder: Path) -> Path:
    """Copy this version's code, with a higher schema version."""
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("*.pyc"))
    module = folder / "core" / "jobs" / "schema_version.py"
    text = module.read_text()
    assert text.count("SCHEMA_VERSION = 1\n") == 1
    module.write_text(text.replace("SCHEMA_VERSION = 1\n", "SCHEMA_VERSION = 2\n"))
    return folder


def _wait_for_server(url: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            assert time.monotonic() < end, f"{url} did not respond"
            time.sleep(0.1)
