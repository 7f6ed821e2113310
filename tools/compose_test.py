"""``make compose-test``: builds the images, runs the service with Compose, and kills its parts.

It needs a Docker engine, either version of Compose, and several gigabytes of disk. It removes
every container, network and volume that it creates. ``docs/docker.md`` has its last output.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from PIL import Image

from tools.stack import ROOT, Failed, Stack, docker, until

PORT = 18_000
BASE = "python:3.13-slim-trixie"
SAMPLES = ROOT / "samples"
FORM = {"size": "128", "preset": "fast"}
#: Longer than three failed health checks take.
OUTAGE_SECONDS = 45.0

Job = dict[str, Any]
BEGAN = time.monotonic()


def say(text: str) -> None:
    """Print a line with the time since the start."""
    sys.stdout.write(f"{time.monotonic() - BEGAN:6.1f} s  {text}\n")
    sys.stdout.flush()


def expect(condition: bool, description: str) -> None:
    """Check a condition.

    Raises:
        Failed: the condition does not hold.
    """
    if not condition:
        raise Failed(f"expected {description}")


class Service:
    """A client of the API."""

    def __init__(self) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=30)

    def answers(self, path: str, status: int = 200) -> bool:
        """Return whether a GET request gets this status."""
        try:
            return self.http.get(path).status_code == status
        except httpx.TransportError:
            return False

    def workers(self) -> int:
        """Return the number of live workers."""
        return len(self.http.get("/readyz").json()["workers"])

    def post(self, photo: str = "cat", style: str = "woodblock") -> Job:
        """Post a job with two pictures from ``samples/``."""
        files = {
            "content": (SAMPLES / "photos" / f"{photo}.jpg").read_bytes(),
            "style": (SAMPLES / "styles" / f"{style}.jpg").read_bytes(),
        }
        answer = self.http.post("/jobs", files=files, data=FORM)
        expect(answer.status_code == 202, f"202, not {answer.status_code}: {answer.text}")
        return dict(answer.json())

    def get(self, job: Job) -> Job:
        """Return the current job document."""
        return dict(self.http.get(job["links"]["self"]).raise_for_status().json())

    def until_midway(self, job: Job) -> float:
        """Wait until more than a third of a job is done, and return the fraction."""
        fraction = 0.0

        def midway() -> bool:
            nonlocal fraction
            now = self.get(job)
            expect(not now["done"], "an unfinished job")
            fraction = float((now["progress"] or {"fraction": 0.0})["fraction"])
            return fraction > 0.33

        until("a third of a job is done", midway)
        return fraction

    def result(self, job: Job) -> tuple[Job, bytes]:
        """Wait for a job to succeed, and return its document and its picture."""
        until("a job is done", lambda: bool(self.get(job)["done"]))
        done = self.get(job)
        expect(done["status"] == "succeeded", f"a succeeded job, not {done['error']}")
        picture = self.http.get(done["links"]["result"]).raise_for_status().content
        with Image.open(io.BytesIO(picture)) as opened:
            opened.load()
            expect(max(opened.size) == int(FORM["size"]), f"a picture of {FORM['size']}")
        return done, picture


def build(stack: Stack) -> None:
    """Build both images, and print their sizes."""
    for service in ("api", "worker"):
        started = time.monotonic()
        stack.compose("build", service)
        say(f"built the {service} in {time.monotonic() - started:.0f} s")
    base = _size(BASE)
    for image in ("easel-api", "easel-worker:cpu"):
        size = _size(image)
        say(f"{image}: {size} MB, {size - base} MB more than the base image ({base} MB)")


def start(stack: Stack, service: Service) -> None:
    """Start everything, and check how the containers are confined."""
    started = time.monotonic()
    stack.compose("up", "-d")
    until("the API is ready", lambda: service.answers("/readyz"))
    say(f"up: ready {time.monotonic() - started:.1f} s after `up`, with one worker")
    for name in ("api", "worker"):
        container = stack.container(name)
        host = stack.inspect(container)["HostConfig"]
        expect(host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"], "read-only, no capabilities")
        code = "import os, pathlib; print(os.getuid()); pathlib.Path('/opt/easel/x').touch()"
        try:
            docker("exec", container, "python", "-c", code)
            raise AssertionError("a file was written")
        except Failed as refused:
            expect("Read-only file system" in str(refused), f"a read-only error: {refused}")
        uid = docker("exec", container, "python", "-c", "import os; print(os.getuid())").strip()
        expect(uid == "10001", f"uid 10001, not {uid}")
    say("API and worker: uid 10001, read-only root file system, no capabilities")
    stop_and_start_api(stack, service)


def stop_and_start_api(stack: Stack, service: Service) -> None:
    """Measure the time from the start of the API's container to its first answer."""
    container, took = stack.container("api"), []
    for _ in range(5):
        docker("stop", container)
        started = time.monotonic()
        docker("start", container)
        until("the API answers", lambda: service.answers("/healthz"), every_seconds=0.01)
        took.append(time.monotonic() - started)
    say(f"the API answers {statistics.median(took):.2f} s after `docker start` (median of 5)")
    until("the API is ready again", lambda: service.answers("/readyz"))


def kill_the_worker(stack: Stack, service: Service) -> None:
    """Run a job, and repeat it while the worker is killed."""
    done, expected = service.result(service.post())
    say(f"a job at {FORM['size']} pixels: {done['metrics']['run_seconds']:.0f} s")
    job = service.post()
    fraction = service.until_midway(job)
    docker("kill", stack.container("worker"))
    say(f"docker kill of the worker after {fraction:.0%} of the same job")
    stack.compose("up", "-d", "worker")
    done, picture = service.result(job)
    expect(done["metrics"]["attempts"] == 2, f"a second attempt: {done['metrics']}")
    expect(picture == expected, "exactly the picture of the first job")
    say("the worker is up again, and the job succeeded at its second attempt: the same picture")


def stop_the_worker(stack: Stack, service: Service) -> None:
    """Check that a worker stops in time, and that this costs its job no attempt."""
    job = service.post()
    service.until_midway(job)
    container, started = stack.container("worker"), time.monotonic()
    stack.compose("stop", "worker")
    took = time.monotonic() - started
    status = stack.inspect(container)["State"]["ExitCode"]
    expect(status == 0, f"exit status 0 of the worker, not {status}")
    handed_back = service.get(job)
    expect(handed_back["status"] == "queued", f"a queued job, not {handed_back['status']}")
    say(f"`stop` during a job: the worker exits within {took:.1f} s, the job is queued again")
    stack.compose("up", "-d", "worker")
    service.result(job)
    say("`up`: the job resumes and succeeds")


def scale(stack: Stack, service: Service) -> None:
    """Run two jobs on two workers, and kill one of the workers."""
    stack.compose("up", "-d", "--scale", "worker=2", "worker")
    until("there are two workers", lambda: service.workers() == 2)
    jobs = [service.post("cat", "mosaic"), service.post("rocket", "swirls")]
    for job in jobs:
        service.until_midway(job)
    docker("kill", stack.containers("worker")[0])
    say("two workers run a job each; docker kill of one of them")
    attempts = sorted(service.result(job)[0]["metrics"]["attempts"] for job in jobs)
    expect(attempts == [1, 2], f"one job with a second attempt: {attempts}")
    say("the other worker completes both jobs")


def without_valkey(stack: Stack, service: Service) -> None:
    """Check that nothing restarts while Valkey is down, and that accepted jobs survive."""
    job = service.post()
    valkey, (api, worker) = stack.container("valkey"), map(stack.container, ("api", "worker"))
    until("both are healthy", lambda: _all_healthy(stack, api, worker), every_seconds=1)
    docker("kill", valkey)
    say("docker kill of Valkey right after a job was accepted; restart of the API")
    docker("restart", api)
    until("the API answers", lambda: service.answers("/healthz"))
    expect(service.answers("/readyz", 503), "503 without Valkey")
    ends = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < ends:
        expect(stack.health(api) != "unhealthy", "an API that is not unhealthy")
        expect(stack.health(worker) != "unhealthy", "a worker that is not unhealthy")
        time.sleep(1)
    expect(_all_healthy(stack, api, worker), "a healthy API and worker")
    expect(_restarts(stack, api, worker) == [0, 0], "no restarts")
    say(f"{OUTAGE_SECONDS:.0f} s without Valkey: both healthy, no restarts, /readyz answers 503")
    docker("start", valkey)
    took = until("the API is ready", lambda: service.answers("/readyz"))
    service.result(job)
    say(f"Valkey is up again: ready within {took:.1f} s, and the job succeeded")


def create_a_key(stack: Stack, service: Service) -> None:
    """Create an API key in the API's container, and use it."""
    key = stack.compose("exec", "-T", "api", "easel", "keys", "create", "alice").strip()
    answer = service.http.get("/jobs", headers={"Authorization": f"Bearer {key}"})
    empty = answer.status_code == 200 and not answer.json()["items"]
    expect(empty, f"an empty list of jobs, not {answer.status_code} {answer.text}")
    say("a key from `exec api easel keys create` is valid")


def take_down(stack: Stack) -> None:
    """Remove the containers, networks and volumes."""
    started = time.monotonic()
    stack.compose("down", "--volumes")
    say(f"down: {time.monotonic() - started:.1f} s")


@contextmanager
def running(stack: Stack) -> Iterator[None]:
    """Take the stack down at the end of the block; after a failure, print its logs first."""
    try:
        yield
    except (Failed, httpx.HTTPError) as error:
        say(f"FAILED: {error}")
        sys.stdout.write(stack.compose("logs", "--tail", "40"))
        sys.exit(1)
    finally:
        take_down(stack)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-build", action="store_true", help="use the existing images")
    options = parser.parse_args()
    stack, service = Stack("easel-test", EASEL_PORT=str(PORT), EASEL_DEVICE="cpu"), Service()
    with running(stack):
        if not options.no_build:
            build(stack)
        start(stack, service)
        kill_the_worker(stack, service)
        stop_the_worker(stack, service)
        scale(stack, service)
        without_valkey(stack, service)
        create_a_key(stack, service)
    say("all checks passed")


def _size(image: str) -> int:
    return round(int(docker("image", "inspect", "-f", "{{.Size}}", image)) / 1e6)


def _all_healthy(stack: Stack, *containers: str) -> bool:
    return all(stack.health(each) == "healthy" for each in containers)


def _restarts(stack: Stack, *containers: str) -> list[int]:
    return [int(stack.inspect(each)["RestartCount"]) for each in containers]


if __name__ == "__main__":
    main()
