"""Ways to break a disk, and a service in this process that runs on it."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import httpx
from redis import Redis

from api.deps import Services
from core.jobs.job import Job, Mark, Picture
from core.store.serialization import marked_fields
from core.upkeep.cleaner import Cleaner
from worker.runner import Runner


class SmallDisk:
    """A folder that can be full: a small file system, or a limit on the size of every file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._filler = folder / "filler"
        self._folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
        self._mounted = os.geteuid() == 0 and _succeeds(mount)
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        """Make every further write fail."""
        if not self._mounted:
            # Enough for the files of the test runner, and too little for a picture.
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, self._limits[1]))
            return
        with suppress(OSError), open(self._filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        """Allow writing again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the limit or the file system."""
        self.free()
        if self._mounted:
            # Lazily: after a failure, a server may still have files open there.
            subprocess.run(["umount", "--lazy", str(self._folder)], check=True)


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make the folder read-only. Root, whom this does not stop, becomes another user meanwhile."""
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


class LocalService:
    """An API over HTTP and a runner, on one store.

    Every response of the API is checked: no error but 503, and that with a Retry-After header.

    Args:
        services: the services of the API.
        client: a client of the API.
        runner: runs the jobs whose messages are in the queue.
        redis: a client of the server with the queue and the store.
    """

    def __init__(
        self, services: Services, client: httpx.Client, runner: Runner, redis: Redis
    ) -> None:
        self.services = services
        self.http = client
        self._runner = runner
        self._redis = redis
        client.event_hooks = {"response": [_assert_no_error_but_503]}

    def post(self, content: bytes, style: bytes) -> httpx.Response:
        """Post a small job."""
        fields = {
            "size": "64",
            "steps": "2",
            "network": "vgg19-torchvision",
            "precision": "float32",
        }
        return self.http.post("/jobs", files={"content": content, "style": style}, data=fields)

    def accepted(self, content: bytes, style: bytes) -> Job:
        """Post a job, which must be accepted."""
        response = self.post(content, style)
        assert response.status_code == 202, response.text
        return self.job(response.json()["id"])

    def job(self, job_id: str) -> Job:
        return self.services.store.get(job_id)

    def work(self) -> None:
        """Run a job for every message in the queue, as a worker does."""
        while self._redis.rpop("easel.jobs"):
            self._runner.run()

    def done(self, content: bytes, style: bytes) -> Job:
        """Post a job and run it to its end."""
        job = self.accepted(content, style)
        self.work()
        return self.job(job.id)

    def result(self, job: Job) -> httpx.Response:
        return self.http.get(f"/jobs/{job.id}/result")

    def sweep(self) -> None:
        """Sweep without a grace period, as if all files were old."""
        Cleaner(self._redis, self.services.blobs, grace=timedelta(0)).sweep()

    def assert_sound(self, jobs: list[Job], content: bytes, style: bytes) -> None:
        """Assert what must hold after every fault."""
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
        recorded = {picture.sha256 for job in ended for picture in pictures_of(job)}
        files = [path for path in self.services.settings.blobs_dir.rglob("*") if path.is_file()]
        assert {path.name for path in files} <= recorded, "there are files that no record names"
        assert [self.job(job.id) for job in ended] == ended
        keys = ("easel:jobs:queued", "easel:jobs:running")
        assert [self._redis.zcard(key) for key in keys] == [0, 0]
        assert self._redis.llen("easel.jobs") == 0


def pictures_of(job: Job) -> tuple[Picture, ...]:
    """Return all pictures that a record names."""
    outputs = {*marked_fields(Mark.HOLDS_BLOBS)} - {"inputs"}
    files: list[Picture | None] = [getattr(job, name) for name in outputs]
    return (*job.inputs.pictures(), *(each for each in files if each))


def _assert_no_error_but_503(response: httpx.Response) -> None:
    assert response.status_code < 500 or response.status_code == 503
    if response.status_code == 503:
        assert int(response.headers["retry-after"]) >= 1
