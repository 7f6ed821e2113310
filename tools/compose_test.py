"""``make compose-test``: build the images, run the whole service, and mistreat it.

It needs a Docker engine, a Compose of either version, and some gigabytes of disk; every
container, network and volume that it makes it removes. What it printed last is in
``docs/docker.md``.
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
#: Longer than it takes a health check to fail three times.
OUTAGE_SECONDS = 45.0

Job = dict[str, Any]
begun = time.monotonic()


def say(text: str) -> None:
    """Print a line, with the time since the beginning."""
    sys.stdout.write(f"{time.monotonic() - begun:6.1f} s  {text}\n")
    sys.stdout.flush()


def expect(true: bool, what: str) -> None:
    """See that something is so.

    Raises:
        Failed: it is not.
    """
    if not true:
        raise Failed(f"not so: {what}")


class Service:
    """The api, as its clients see it."""

    def __init__(self) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=30)

    def answers(self, path: str, status: int = 200) -> bool:
        """Whether a path is answered with that status."""
        try:
            return self.http.get(path).status_code == status
        except httpx.TransportError:
            return False

    def workers(self) -> int:
        """How many workers are alive."""
        return len(self.http.get("/readyz").json()["workers"])

    def post(self, photo: str = "cat", style: str = "woodblock") -> Job:
        """Post a job of two pictures of ``samples/``."""
        files = {
            "content": (SAMPLES / "photos" / f"{photo}.jpg").read_bytes(),
            "style": (SAMPLES / "styles" / f"{style}.jpg").read_bytes(),
        }
        answer = self.http.post("/jobs", files=files, data=FORM)
        expect(answer.status_code == 202, f"202 for a job: {answer.status_code} {answer.text}")
        return dict(answer.json())

    def get(self, job: Job) -> Job:
        """The job as it is now."""
        return dict(self.http.get(job["links"]["self"]).raise_for_status().json())

    def until_midway(self, job: Job) -> float:
        """Wait until a third of a job is done, and say how much is."""
        fraction = 0.0

        def midway() -> bool:
            nonlocal fraction
            now = self.get(job)
            expect(not now["done"], "a job still runs in its middle")
            fraction = float((now["progress"] or {"fraction": 0.0})["fraction"])
            return fraction > 0.33

        until("a job is in its middle", midway)
        return fraction

    def result(self, job: Job) -> tuple[Job, bytes]:
        """A job once it is done, and its picture."""
        until("a job is done", lambda: bool(self.get(job)["done"]))
        done = self.get(job)
        expect(done["status"] == "succeeded", f"the job succeeds: {done['error']}")
        picture = self.http.get(done["links"]["result"]).raise_for_status().content
        with Image.open(io.BytesIO(picture)) as opened:
            opened.load()
            expect(max(opened.size) == int(FORM["size"]), f"a picture of {FORM['size']}")
        return done, picture


def build(stack: Stack) -> None:
    """Build both images, and say how large they are."""
    for service in ("api", "worker"):
        started = time.monotonic()
        stack.compose("build", service)
        say(f"built the {service} in {time.monotonic() - started:.0f} s")
    base = _size(BASE)
    for image in ("easel-api", "easel-worker:cpu"):
        size = _size(image)
        say(f"{image}: {size} MB, {size - base} MB of it above the base image here ({base} MB)")


def start(stack: Stack, service: Service) -> None:
    """Bring everything up, and look at how the containers are held."""
    started = time.monotonic()
    stack.compose("up", "-d")
    until("the api is ready", lambda: service.answers("/readyz"))
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
            expect("Read-only file system" in str(refused), f"nothing can be written: {refused}")
        uid = docker("exec", container, "python", "-c", "import os; print(os.getuid())").strip()
        expect(uid == "10001", f"not root: {uid}")
    say("api and worker: uid 10001, read-only root file system, no capabilities")
    stop_and_start_api(stack, service)


def stop_and_start_api(stack: Stack, service: Service) -> None:
    """Measure how long the api takes to answer, from the start of its container."""
    container, took = stack.container("api"), []
    for _ in range(5):
        docker("stop", container)
        started = time.monotonic()
        docker("start", container)
        until("the api answers", lambda: service.answers("/healthz"), every_seconds=0.01)
        took.append(time.monotonic() - started)
    say(f"the api answers {statistics.median(took):.2f} s after `docker start` (median of 5)")
    until("it is ready again", lambda: service.answers("/readyz"))


def kill_the_worker(stack: Stack, service: Service) -> None:
    """A job, undisturbed; the same again, while the worker is killed."""
    done, expected = service.result(service.post())
    say(f"a job at {FORM['size']} pixels: {done['metrics']['run_seconds']:.0f} s")
    job = service.post()
    fraction = service.until_midway(job)
    docker("kill", stack.container("worker"))
    say(f"docker kill of the worker, {fraction:.0%} into the same job")
    stack.compose("up", "-d", "worker")
    done, picture = service.result(job)
    expect(done["metrics"]["attempts"] == 2, f"a second attempt: {done['metrics']}")
    expect(picture == expected, "bit for bit the picture of the undisturbed job")
    say("the worker is back, and the job done at its second attempt: the same picture, bit for bit")


def stop_the_worker(stack: Stack, service: Service) -> None:
    """An order to stop is obeyed in time, and costs the job no attempt."""
    job = service.post()
    service.until_midway(job)
    container, started = stack.container("worker"), time.monotonic()
    stack.compose("stop", "worker")
    took = time.monotonic() - started
    status = stack.inspect(container)["State"]["ExitCode"]
    expect(status == 0, f"the worker ends by itself: {status}")
    back = service.get(job)
    expect(back["status"] == "queued", f"the job is handed back: {back['status']}")
    say(f"`stop` in mid-job: the worker ends by itself in {took:.1f} s, the job is queued again")
    stack.compose("up", "-d", "worker")
    service.result(job)
    say("`up`: the job goes on, and is done")


def scale(stack: Stack, service: Service) -> None:
    """Two workers, two jobs at once; one of the workers is killed."""
    stack.compose("up", "-d", "--scale", "worker=2", "worker")
    until("there are two workers", lambda: service.workers() == 2)
    jobs = [service.post("cat", "mosaic"), service.post("rocket", "swirls")]
    for job in jobs:
        service.until_midway(job)
    docker("kill", stack.containers("worker")[0])
    say("two workers run a job each; docker kill of one of them")
    attempts = sorted(service.result(job)[0]["metrics"]["attempts"] for job in jobs)
    expect(attempts == [1, 2], f"one of them took over: {attempts}")
    say("the other one ends both")


def without_valkey(stack: Stack, service: Service) -> None:
    """While Valkey is away nothing restarts; what it had answered is still there."""
    job = service.post()
    valkey, (api, worker) = stack.container("valkey"), map(stack.container, ("api", "worker"))
    until("both are healthy", lambda: _all_healthy(stack, api, worker), every_seconds=1)
    docker("kill", valkey)
    say("docker kill of Valkey, right after a job was accepted; restart of the api")
    docker("restart", api)
    until("the api lives", lambda: service.answers("/healthz"))
    expect(service.answers("/readyz", 503), "503 without Valkey")
    ends = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < ends:
        expect(stack.health(api) != "unhealthy", "the api is not called unhealthy")
        expect(stack.health(worker) != "unhealthy", "the worker is not called unhealthy")
        time.sleep(1)
    expect(_all_healthy(stack, api, worker), "both are healthy")
    expect(_restarts(stack, api, worker) == [0, 0], "neither was restarted")
    say(f"{OUTAGE_SECONDS:.0f} s without it: both healthy, none restarted; /readyz says 503")
    docker("start", valkey)
    took = until("the api is ready", lambda: service.answers("/readyz"))
    service.result(job)
    say(f"Valkey is back: ready in {took:.1f} s, and the job is done")


def make_a_key(stack: Stack, service: Service) -> None:
    """Keys are made in the api's container."""
    key = stack.compose("exec", "-T", "api", "easel", "keys", "create", "alice").strip()
    answer = service.http.get("/jobs", headers={"Authorization": f"Bearer {key}"})
    told = f"alice has no jobs yet: {answer.status_code} {answer.text}"
    expect(answer.status_code == 200 and not answer.json()["items"], told)
    say("a key made with `exec api easel keys create` is good")


def take_down(stack: Stack) -> None:
    """Remove everything."""
    started = time.monotonic()
    stack.compose("down", "--volumes")
    say(f"down: {time.monotonic() - started:.1f} s")


@contextmanager
def running(stack: Stack) -> Iterator[None]:
    """See that nothing is left behind; if something fails, show the logs."""
    try:
        yield
    except (Failed, httpx.HTTPError) as error:
        say(f"FAILED: {error}")
        sys.stdout.write(stack.compose("logs", "--tail", "40"))
        sys.exit(1)
    finally:
        take_down(stack)


def main() -> None:
    """Do all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-build", action="store_true", help="use the images that are there")
    stack, service = Stack("easel-test", EASEL_PORT=str(PORT), EASEL_DEVICE="cpu"), Service()
    with running(stack):
        if not parser.parse_args().no_build:
            build(stack)
        start(stack, service)
        kill_the_worker(stack, service)
        stop_the_worker(stack, service)
        scale(stack, service)
        without_valkey(stack, service)
        make_a_key(stack, service)
    say("all is well")


def _size(image: str) -> int:
    return round(int(docker("image", "inspect", "-f", "{{.Size}}", image)) / 1e6)


def _all_healthy(stack: Stack, *containers: str) -> bool:
    return all(stack.health(each) == "healthy" for each in containers)


def _restarts(stack: Stack, *containers: str) -> list[int]:
    return [int(stack.inspect(each)["RestartCount"]) for each in containers]


if __name__ == "__main__":
    main()
