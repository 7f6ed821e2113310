"""Ways to break a disk, to stop a process between two steps, and to see what is left."""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from api.deps import Services
from core.jobs.job import Job
from core.upkeep.cleaner import Cleaner
from worker.runner import Runner

#: How long a test waits for what must come. No test waits for time to pass.
PATIENCE_SECONDS = 60


class SmallDisk:
    """A folder that can be full: a file system of its own, or a limit on every file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._filler = folder / "filler"
        self._folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
        self._mounted = os.geteuid() == 0 and _succeeds(mount)
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        """No file can be written any more."""
        if not self._mounted:
            # Enough for what the test runner writes, and too little for a picture.
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, self._limits[1]))
            return
        with suppress(OSError), open(self._filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        """Files can be written again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        self.free()
        if self._mounted:
            subprocess.run(["umount", str(self._folder)], check=True)


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def forbidden(folder: Path) -> Iterator[None]:
    """Let nobody write into the folder; not even root, who for once is somebody else."""
    folders = [folder, *(path for path in folder.iterdir() if path.is_dir())]
    user = os.geteuid()
    for each in folders:
        each.chmod(0o500)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        for each in folders:
            each.chmod(0o755)


class Service:
    """An api over HTTP and a runner beside it, on one store. It counts what it answers.

    Args:
        services: what the api has.
        client: speaks to it.
        runner: does the jobs whose messages are in the queue.
        redis: has both.
    """

    def __init__(
        self, services: Services, client: httpx.Client, runner: Runner, redis: Redis
    ) -> None:
        self.services = services
        self.http = client
        self._runner = runner
        self._redis = redis
        client.event_hooks = {"response": [_assert_no_failure_but_503]}

    def post(self, content: bytes, style: bytes) -> httpx.Response:
        fields = {
            "size": "64",
            "steps": "2",
            "network": "vgg19-torchvision",
            "precision": "float32",
        }
        return self.http.post("/jobs", files={"content": content, "style": style}, data=fields)

    def accepted(self, content: bytes, style: bytes) -> Job:
        answer = self.post(content, style)
        assert answer.status_code == 202, answer.text
        return self.job(answer.json()["id"])

    def job(self, job_id: str) -> Job:
        return self.services.store.get(job_id)

    def work(self) -> None:
        """Do every job that the queue tells of, as a worker does."""
        while message := self._redis.rpop("easel.jobs\x06\x169"):
            assert isinstance(message, str)
            body = base64.b64decode(json.loads(message)["body"])
            self._runner.run(json.loads(body)[0][0])

    def done(self, content: bytes, style: bytes) -> Job:
        """A job, from its post to its end."""
        job = self.accepted(content, style)
        self.work()
        return self.job(job.id)

    def result(self, job: Job) -> httpx.Response:
        return self.http.get(f"/jobs/{job.id}/result")

    def sweep(self) -> None:
        """As if whatever nothing names had been lying there for long."""
        Cleaner(self._redis, self.services.blobs, grace=timedelta(0)).sweep()

    def assert_sound(self, jobs: list[Job], content: bytes, style: bytes) -> None:
        """What holds after every fault: services.md, section 5."""
        fresh = self.done(content, style)
        assert fresh.status == "succeeded", fresh
        ended = [self.job(job.id) for job in (*jobs, fresh)]
        for job in ended:
            assert job.status.done
            assert job.attempt <= 3
            if job.status == "succeeded":
                assert job.result is not None
                data = self.result(job).raise_for_status().content
                assert sha256(data).hexdigest() == job.result.sha256
        self.sweep()
        named = {picture.sha256 for job in ended for picture in _pictures(job)}
        files = [path for path in self.services.settings.blobs_dir.rglob("*") if path.is_file()]
        assert {path.name for path in files} <= named, "something is orphaned"
        assert [self.job(job.id) for job in ended] == ended
        keys = ("easel:jobs:queued", "easel:jobs:running")
        assert [self._redis.zcard(key) for key in keys] == [0, 0]
        assert self._redis.llen("easel.jobs") == 0


def _pictures(job: Job) -> tuple[Any, ...]:
    return (*job.inputs.pictures(), *(each for each in (job.result, job.preview) if each))


def _assert_no_failure_but_503(answer: httpx.Response) -> None:
    assert answer.status_code < 500 or answer.status_code == 503
    if answer.status_code == 503:
        assert int(answer.headers["retry-after"]) >= 1


class Gate:
    """A proxy that stops passing bytes on from the first that it is told to hold.

    Args:
        target: the port it speaks to.
        hold: whether to stop before these bytes.
    """

    def __init__(self, target: int, hold: Callable[[bytes], bool]) -> None:
        self._target = target
        self._hold = hold
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.held = threading.Event()
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for line in (self._listener, *self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._lines += [near, far]
                for ends in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, may_hold: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.held.is_set() or (may_hold and self._hold(data)):
                    self.held.set()
                    return
                target.sendall(data)


class Process:
    """A Python process that can be killed, and what it has logged.

    Args:
        arguments: for Python.
        environment: on top of this process's.
    """

    def __init__(self, arguments: list[str], **environment: str) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, message: str) -> dict[str, Any]:
        """The next log line with that message."""
        assert self._popen.stderr is not None
        for line in self._popen.stderr:
            logged: dict[str, Any] = json.loads(line)
            if logged["message"] == message:
                return logged
        raise AssertionError(f"it ended without saying {message!r}")

    def stop(self) -> None:
        """Let it do nothing more for now; it has stopped when this returns."""
        self._popen.send_signal(signal.SIGSTOP)
        os.waitpid(self._popen.pid, os.WUNTRACED)

    def go_on(self) -> None:
        self._popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()
        assert self._popen.stderr is not None
        self._popen.stderr.close()
