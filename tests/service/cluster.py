"""A whole service in processes that can be killed: Valkey, an API and workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import httpx
from redis import Redis
from redis.exceptions import RedisError

from cli.valkey import free_port
from core.errors import ServiceUnavailable
from core.jobs.job import Job
from core.queue.app import JOB_QUEUES, JobQueue, make_celery
from core.runtime.redis import connect
from core.settings.model import Settings
from core.store.jobs import JobStore
from tests.conftest import photo, png
from tests.namespaces import Host
from tests.service import servers
from tests.service.log import Log
from tests.service.servers import PATIENCE_SECONDS, Server

#: Short leases, so that the tests are short. Promises about the defaults are tested with the
#: defaults.
QUICK = {
    "EASEL_LEASE_SECONDS": "3",
    "EASEL_SWEEP_SECONDS": "0.5",
    "EASEL_CHECKPOINT_SECONDS": "0.1",
    "EASEL_IDLE_SECONDS": "5",
}

#: A job whose steps are short and all take the same time.
SMALL = {
    "size": 64,
    "network": "vgg19-torchvision",
    "optimizer": "adam",
    "precision": "float32",
    "pyramid": "off",
}

#: The job that is running when a fault happens.
LONG = {"size": 64, "steps": 150}

CONTENT, STYLE = png(photo(64, 48, seed=1)), png(photo(48, 64, seed=2))
PICTURES = {"content": CONTENT, "style": STYLE}

#: The files of a form. A sequence may name a field more than once.
Files = Mapping[str, bytes] | Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Running:
    """A job in the middle of its run."""

    job_id: str
    worker: Server
    #: The end of the log before the job was posted.
    mark: int


class Cluster:
    """Starts the processes, and talks to them as users and operators do.

    Args:
        folder: holds all files.
        environment: environment variables to add to those of every process.
    """

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.log = Log()
        self.valkey_port, api_port = free_port(), free_port()
        self.redis_url = f"redis://127.0.0.1:{self.valkey_port}/0"
        self._gate = folder / "gate"
        #: Environment variables of the workers only.
        self.for_workers = {"FAULT_GATE": str(self._gate)}
        self.environment = {
            "EASEL_REDIS_URL": self.redis_url,
            "EASEL_DATA_DIR": str(folder / "data"),
            "EASEL_WEIGHTS_DIR": str(folder / "weights"),
            "EASEL_PORT": str(api_port),
            # On a busy machine, a second thread makes a small network slower.
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        self.redis: Redis = connect(self.redis_url, patience=0)
        self.store = JobStore(self.redis)
        self.queue = JobQueue(make_celery(self.redis_url))
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{api_port}", timeout=60)
        self.workers: list[Server] = []
        #: The end of the log when a worker's child was last killed, by the worker's name.
        self._child_killed: dict[str, int] = {}
        self._servers: list[Server] = []
        #: The hosts that workers are spread over; if there are none, they run on this machine.
        self.hosts: list[Host] = []
        #: The addresses that Valkey listens on besides loopback.
        self.addresses: list[str] = []
        servers.save_tiny_networks(folder / "weights")

    # The processes.

    def start(self, workers: int) -> None:
        """Start everything, and wait until the workers are ready."""
        self.start_valkey()
        self.start_api()
        self.settle(workers)

    def start_valkey(self) -> None:
        command = servers.valkey(self.folder, self.valkey_port, *self.addresses)
        self.valkey = self.keep(Server("valkey", command, {}, self.log))
        self.wait_for_redis()

    def start_api(self) -> None:
        mark = self.log.mark()
        self.api = self.keep(Server("api", servers.api(), self.environment, self.log))
        self.log.wait(servers.listening("127.0.0.1", self.environment["EASEL_PORT"]), after=mark)

    def start_worker(self, **environment: str) -> Server:
        """Start another worker, on the host with the fewest. It is not ready yet."""
        name = f"w{len(self._servers)}"
        environment = {**self.environment, **self.for_workers, **environment}
        command = servers.worker(name)
        host = min(self.hosts, key=lambda host: len(self.workers_on(host)), default=None)
        if host is not None:
            command = host.inside(command)
        server = self.keep(Server(name, command, environment, self.log))
        server.host = host
        self.workers.append(server)
        return server

    @property
    def blobs_url(self) -> str:
        """The URL of the blob store."""
        settings = Settings(
            redis_url=self.redis_url,
            data_dir=self.folder / "data",
            blobs=self.environment.get("EASEL_BLOBS", ""),
        )
        return settings.blobs_url

    def workers_on(self, host: Host) -> list[Server]:
        """Return the workers on a host."""
        return [worker for worker in self.workers if worker.host is host]

    def keep(self, server: Server) -> Server:
        """Kill the process when the cluster stops."""
        self._servers.append(server)
        return server

    def ready(self, worker: Server) -> Server:
        """Wait until a worker takes jobs; if its child was killed, until it has a new one."""
        after = self._child_killed.get(worker.name, 0)
        self.log.wait("worker ready", after=after, process=worker.name)
        return worker

    def is_ready(self, worker: Server) -> bool:
        """Return whether a worker takes jobs."""
        after = self._child_killed.get(worker.name, 0)
        return bool(self.log.since(after, "worker ready", process=worker.name))

    def kill_child(self, worker: Server) -> None:
        """Kill a worker's child process. The worker starts another."""
        self._child_killed[worker.name] = self.log.mark()
        worker.child().kill()

    def settle(self, workers: int, ready: int | None = None) -> None:
        """Restart what a test has killed.

        Args:
            workers: how many workers there must be at least.
            ready: how many of them to wait for; by default all.
        """
        self.open_gate()
        if not self.valkey.alive:
            self.start_valkey()
        if not self.api.alive:
            self.start_api()
        for worker in self.workers:
            if worker.special:
                worker.kill()
        self.workers = [worker for worker in self.workers if worker.alive]
        while len(self.workers) < workers:
            self.start_worker()
        for worker in self.workers[:ready]:
            self.ready(worker)

    def only(self, **environment: str) -> Server:
        """Replace all workers by one with its own settings."""
        for worker in self.workers:
            worker.kill()
        self.workers = []
        worker = self.start_worker(**environment)
        worker.special = True
        return self.ready(worker)

    def stop(self) -> None:
        """Kill all processes."""
        for server in self._servers:
            server.kill()
        self.http.close()
        self.redis.close()

    # The jobs.

    def post(self, files: Files = PICTURES, /, **fields: object) -> str:
        """Post a job until it is accepted, and return its id."""
        while True:
            response = self.try_to_post(files, **fields)
            if response.status_code == 202:
                return str(response.json()["id"])
            assert response.status_code == 503, response.text
            time.sleep(float(response.headers["retry-after"]))

    def try_to_post(self, files: Files = PICTURES, /, **fields: object) -> httpx.Response:
        """Post a job once."""
        data = {**SMALL, "steps": 20, **fields}
        return self.http.post("/jobs", files=files, data=data)

    def view(self, job_id: str) -> dict[str, Any]:
        """Return the job as the API shows it."""
        response = self.http.get(f"/jobs/{job_id}")
        assert response.status_code == 200, response.text
        return cast(dict[str, Any], response.json())

    @cached_property
    def undisturbed(self) -> bytes:
        """The result of the long job when no fault happens."""
        return self.result(self.post(**LONG))

    def shut_gate(self) -> None:
        """Hold jobs in the middle of their run from now on."""
        self._gate.touch()

    def open_gate(self) -> None:
        """Let jobs run to their end."""
        self._gate.unlink(missing_ok=True)

    @contextmanager
    def holding(self, message: str = "checkpoint saved") -> Iterator[Running]:
        """Post a job, wait until a worker logs the message, and hold the job until the end."""
        mark = self.log.mark()
        self.shut_gate()
        try:
            job_id = self.post(**LONG)
            yield Running(job_id, self.running_on(job_id, after=mark, message=message), mark)
        finally:
            self.open_gate()

    def running_on(self, job_id: str, *, after: int, message: str = "checkpoint saved") -> Server:
        """Wait until a worker logs the message about the job, and return the worker."""
        line = self.log.wait(message, after=after, job_id=job_id)
        (worker,) = (worker for worker in self.workers if worker.name == line["process"])
        return worker

    def ended(self, job_id: str, within: float = PATIENCE_SECONDS) -> Job:
        """Wait until the job is done, and return its record."""
        end = time.monotonic() + within
        while True:
            try:
                self.wait_for_key(
                    f"easel:job:{job_id}",
                    lambda: self.store.get(job_id).status.done,
                    end - time.monotonic(),
                )
                return self.store.get(job_id)
            except (RedisError, ServiceUnavailable, OSError):
                self.wait_for_redis()

    def wait_until_empty(self, name: str) -> None:
        """Wait until a hash or list has lost its last item, so that Redis has removed it."""
        self.wait_for_key(name, lambda: not self.redis.exists(name))

    def wait_for_key(
        self, name: str, condition: Callable[[], bool], within: float = PATIENCE_SECONDS
    ) -> None:
        """Wait until a condition holds, checking it whenever a key changes."""
        end = time.monotonic() + within
        with self.redis.pubsub(ignore_subscribe_messages=True) as changes:
            changes.subscribe(f"__keyspace@0__:{name}")
            while not condition():
                assert time.monotonic() < end, f"{name}: no such change in {within:.0f} s"
                changes.get_message(timeout=1)

    def wait_for_redis(self) -> None:
        """Wait until the server replies."""
        patient = connect(self.redis_url, patience=PATIENCE_SECONDS * 2)
        patient.ping()
        patient.close()

    def readiness(self, missing: list[str]) -> dict[str, Any]:
        """Poll ``/readyz`` until it names exactly these parts as missing; return its response."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            response = self.http.get("/readyz")
            readiness: dict[str, Any] = response.json()
            assert response.status_code == (503 if readiness["missing"] else 200)
            if readiness["missing"] == missing:
                return readiness
            assert time.monotonic() < end, readiness
            time.sleep(0.2)

    def result(self, job_id: str) -> bytes:
        """Wait until the job has succeeded; check the hash of its result and return its file."""
        job = self.ended(job_id)
        assert job.status == "succeeded", job
        response = self.http.get(f"/jobs/{job_id}/result")
        assert response.status_code == 200, response.text
        assert job.result is not None
        assert sha256(response.content).hexdigest() == job.result.sha256
        return response.content

    def assert_undisturbed(self, job: Running, attempts: int) -> None:
        """Assert that the job ends with the undisturbed result, at this attempt."""
        self.open_gate()
        assert self.result(job.job_id) == self.undisturbed
        assert self.view(job.job_id)["metrics"]["attempts"] == attempts
        self.assert_sound([job.job_id])

    def assert_sound(self, job_ids: Iterable[str]) -> None:
        """Assert what must hold after every fault."""
        for job_id in job_ids:
            job = self.ended(job_id)
            assert job.attempts <= 3
            if job.status == "succeeded":
                self.result(job_id)
            assert self.ended(job_id) == job
        fresh = self.post()
        assert self.ended(fresh).status == "succeeded"
        assert self.redis.zcard("easel:jobs:queued") == 0
        assert self.redis.zcard("easel:jobs:running") == 0
        for name in JOB_QUEUES:  # a second message may still wait to be refused
            self.wait_until_empty(name)
