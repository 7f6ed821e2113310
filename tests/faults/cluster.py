"""A whole service in processes that can be killed: Valkey, an api, workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
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
from core.nst.weights.cache import save_weights
from core.params import Network
from core.queue.app import MESSAGE_LISTS, JobQueue, make_celery
from core.runtime.redis import connect
from core.settings.model import Settings
from core.store.jobs import JobStore
from tests.conftest import photo, png, random_weights
from tests.faults import servers
from tests.faults.log import Log
from tests.faults.servers import PATIENCE_SECONDS, Server
from tests.namespaces import Host

#: Short leases, so that the tests are quick. What is said of the defaults is
#: tested with the defaults.
QUICK = {
    "EASEL_LEASE_SECONDS": "3",
    "EASEL_SWEEP_SECONDS": "0.5",
    "EASEL_CHECKPOINT_SECONDS": "0.1",
    "EASEL_IDLE_SECONDS": "5",
}

#: A job whose steps are short and all alike.
SMALL = {
    "size": 64,
    "network": "vgg19-torchvision",
    "optimizer": "adam",
    "precision": "float32",
    "pyramid": "off",
}

#: The job that faults come upon.
LONG = {"size": 64, "steps": 150}

CONTENT, STYLE = png(photo(64, 48, seed=1)), png(photo(48, 64, seed=2))


@dataclass(frozen=True)
class Running:
    """A job in mid-run, its worker, and where the log was before it was posted."""

    job_id: str
    worker: Server
    mark: int


class Cluster:
    """Starts the processes, and speaks to them as users and operators do.

    Args:
        folder: for all files.
        environment: on top of the usual one.
    """

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.log = Log()
        self.valkey_port, api_port = free_port(), free_port()
        self.redis_url = f"redis://127.0.0.1:{self.valkey_port}/0"
        self._gate = folder / "gate"
        #: What only the workers have in their environment.
        self.for_workers = {"FAULT_GATE": str(self._gate)}
        self.environment = {
            "EASEL_REDIS_URL": self.redis_url,
            "EASEL_DATA_DIR": str(folder / "data"),
            "EASEL_WEIGHTS_DIR": str(folder / "weights"),
            "EASEL_PORT": str(api_port),
            # Two threads that wait for each other on a small network are slow on a busy machine.
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        self.redis: Redis = connect(self.redis_url, patience=0)
        self.store = JobStore(self.redis)
        self.queue = JobQueue(make_celery(self.redis_url))
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{api_port}", timeout=60)
        self.workers: list[Server] = []
        #: Where the log was when a worker's child was last killed, by the worker's name.
        self._child_killed: dict[str, int] = {}
        self._servers: list[Server] = []
        #: Where the workers run, by turns, if not on this machine as it is.
        self.hosts: list[Host] = []
        #: Where Valkey listens beside the loopback.
        self.addresses: list[str] = []
        # A network of random filters stands for torchvision's; the other one is not
        # asked for, and its file keeps the worker from fetching it.
        for network in Network:
            save_weights(random_weights(seed=0), folder / "weights" / network.filename)

    # The processes.

    def start(self, workers: int) -> None:
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
        self.log.wait("Application startup complete.", after=mark)

    def start_worker(self, **environment: str) -> Server:
        """Start one more, where the fewest are; it is not ready yet."""
        name = f"w{len(self._servers)}"
        environment = {**self.environment, **self.for_workers, **environment}
        command = servers.worker(name)
        host = min(self.hosts, key=lambda each: len(self.workers_on(each)), default=None)
        if host is not None:
            command = host.inside(command)
        server = self.keep(Server(name, command, environment, self.log))
        server.host = host
        self.workers.append(server)
        return server

    @property
    def blobs_url(self) -> str:
        """Where the pictures are."""
        settings = Settings(
            redis_url=self.redis_url,
            data_dir=self.folder / "data",
            blobs=self.environment.get("EASEL_BLOBS", ""),
        )
        return settings.blobs_url

    def workers_on(self, host: Host) -> list[Server]:
        """The workers of a host."""
        return [worker for worker in self.workers if worker.host is host]

    def keep(self, server: Server) -> Server:
        """End it with the others."""
        self._servers.append(server)
        return server

    def ready(self, worker: Server) -> Server:
        """The worker, once it takes jobs; its child may have to be another one first."""
        after = self._child_killed.get(worker.name, 0)
        self.log.wait("worker ready", after=after, process=worker.name)
        return worker

    def kill_child(self, worker: Server) -> None:
        """SIGKILL to the process that optimises; the worker starts another."""
        self._child_killed[worker.name] = self.log.mark()
        worker.child().kill()

    def settle(self, workers: int, ready: int | None = None) -> None:
        """Bring up what a test has left dead, and wait for so many workers, or for all."""
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
        """Have one worker, with settings of its own."""
        for worker in self.workers:
            worker.kill()
        self.workers = []
        worker = self.start_worker(**environment)
        worker.special = True
        return self.ready(worker)

    def stop(self) -> None:
        """End everything; what has not ended by itself is killed."""
        for server in self._servers:
            server.kill()
        self.http.close()
        self.redis.close()

    # The jobs.

    def post(self, **fields: object) -> str:
        """Have a job accepted; give its id."""
        while True:
            answer = self.try_to_post(**fields)
            if answer.status_code == 202:
                return str(answer.json()["id"])
            assert answer.status_code == 503, answer.text
            time.sleep(float(answer.headers["retry-after"]))  # as the api asks every client

    def try_to_post(self, **fields: object) -> httpx.Response:
        given = {**SMALL, "steps": 20, **fields}
        return self.http.post("/jobs", files={"content": CONTENT, "style": STYLE}, data=given)

    def view(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return cast(dict[str, Any], answer.json())

    @cached_property
    def undisturbed(self) -> bytes:
        """The picture that the long job ends in when nothing happens to it."""
        return self.result(self.post(**LONG))

    def shut_gate(self) -> None:
        """From now on jobs are held in mid-run."""
        self._gate.touch()

    def open_gate(self) -> None:
        """Let them go on."""
        self._gate.unlink(missing_ok=True)

    @contextmanager
    def holding(self, message: str = "checkpoint saved") -> Iterator[Running]:
        """A job of which a worker has said so, and which does not end before the gate is open."""
        mark = self.log.mark()
        self.shut_gate()
        try:
            job_id = self.post(**LONG)
            yield Running(job_id, self.running_on(job_id, after=mark, message=message), mark)
        finally:
            self.open_gate()

    def running_on(self, job_id: str, *, after: int, message: str = "checkpoint saved") -> Server:
        """The worker that says so of the job."""
        line = self.log.wait(message, after=after, job_id=job_id)
        (found,) = (worker for worker in self.workers if worker.name == line["process"])
        return found

    def ended(self, job_id: str, within: float = PATIENCE_SECONDS) -> Job:
        """The job's record once it is final."""
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
        """Wait for the hash or list of that name to lose its last item; Redis then drops it."""
        self.wait_for_key(name, lambda: not self.redis.exists(name))

    def wait_for_key(
        self, name: str, well: Callable[[], bool], within: float = PATIENCE_SECONDS
    ) -> None:
        """Look whenever Redis tells that the key has changed, until all is well."""
        end = time.monotonic() + within
        with self.redis.pubsub(ignore_subscribe_messages=True) as told:
            told.subscribe(f"__keyspace@0__:{name}")
            while not well():
                assert time.monotonic() < end, f"{name} is not as it should be in {within:.0f} s"
                told.get_message(timeout=1)

    def wait_for_redis(self) -> None:
        patient = connect(self.redis_url, patience=PATIENCE_SECONDS * 2)
        patient.ping()
        patient.close()

    def readiness(self, missing: list[str]) -> dict[str, Any]:
        """The answer of ``/readyz`` once it names just these as missing; asks as a prober does."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.http.get("/readyz")
            found: dict[str, Any] = answer.json()
            assert answer.status_code == (503 if found["missing"] else 200)
            if found["missing"] == missing:
                return found
            assert time.monotonic() < end, found
            time.sleep(0.2)

    def result(self, job_id: str) -> bytes:
        """The picture of a job that has succeeded; its hash is that of the record."""
        job = self.ended(job_id)
        assert job.status == "succeeded", job
        answer = self.http.get(f"/jobs/{job_id}/result")
        assert answer.status_code == 200, answer.text
        assert job.result is not None
        assert sha256(answer.content).hexdigest() == job.result.sha256
        return answer.content

    def assert_undisturbed(self, job: Running, attempts: int) -> None:
        """The job has ended as if nothing had happened, at that attempt."""
        self.open_gate()
        assert self.result(job.job_id) == self.undisturbed
        assert self.view(job.job_id)["metrics"]["attempts"] == attempts
        self.assert_sound([job.job_id])

    def assert_sound(self, job_ids: Iterable[str]) -> None:
        """What holds after every fault, whatever it was."""
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
        for name in MESSAGE_LISTS:  # a second announcement may still wait to be refused
            self.wait_until_empty(name)
