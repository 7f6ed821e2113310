"""``easel submit`` against a real API; the test itself plays the worker."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import httpx
import pytest
from redis import Redis

from api.deps import Services
from core.jobs.job import Failure, Job, Metrics, Picture
from core.store.jobs import JobStore
from tests.api.conftest import services, serving, settings  # noqa: F401 - fixtures
from tests.cli.conftest import PATIENCE_SECONDS
from tests.conftest import photo, png, some_progress
from tests.service.proxy import Wire

ROOT = Path(__file__).parent.parent.parent


class Submission:
    """A running ``easel submit``."""

    running: ClassVar[list[Submission]] = []

    def __init__(self, folder: Path, server: str, *options: str, output: str = "out.png") -> None:
        for name, seed in (("content.png", 1), ("style.png", 2)):
            (folder / name).write_bytes(png(photo(64, 48, seed=seed)))
        self.output = folder / output
        command = [sys.executable, "-m", "cli", "submit", "content.png", "style.png"]
        command += ["-o", output, "--server", server, "--size", "64", *options]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(self)

    def finish(self) -> tuple[int, str, str]:
        """Wait for its end; return its exit status, standard output and standard error."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, out, err


@pytest.fixture(autouse=True)
def _end_all_submissions() -> Iterator[None]:
    yield
    while Submission.running:
        process = Submission.running.pop().process
        process.kill()
        process.communicate()


@pytest.fixture
def client(services: Services) -> Iterator[httpx.Client]:  # noqa: F811 - a fixture
    with serving(services) as client:
        yield client


def claimed(redis: Redis, store: JobStore) -> Job:
    """Wait until a job is posted, and claim it as a worker does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if (job := store.claim()) is not None:
            return job
        time.sleep(0.05)
    raise AssertionError("no job was posted")


def wait_until_followed(client: httpx.Client) -> None:
    """Wait until a command reads a job: it has received the response to its post."""
    end = time.monotonic() + PATIENCE_SECONDS
    while 'route="/jobs/{job_id}' not in client.get("/metrics").text:
        assert time.monotonic() < end
        time.sleep(0.05)


def succeed(job: Job, services: Services, data: bytes) -> None:  # noqa: F811
    picture = Picture(sha256=services.blobs.put(data), media_type="image/png", size_bytes=len(data))
    services.store.succeed(
        job, picture, some_progress(7, 7), Metrics(optimize_seconds=1, device="cpu")
    )


def test_the_picture_is_saved_and_its_path_printed(
    client: httpx.Client,
    services: Services,  # noqa: F811
    redis: Redis,
    tmp_path: Path,
) -> None:
    submission = Submission(tmp_path, str(client.base_url), "--steps", "7")
    job = claimed(redis, services.store)
    assert (job.params.size, job.params.steps, job.params.format) == (64, 7, "png")
    wait_until_followed(client)
    warnings = json.dumps(["the worker has none of the units"])
    services.store.renew(job, progress=some_progress(3, 7), warnings=warnings)
    succeed(job, services, b"a picture")
    status, out, err = submission.finish()
    assert (status, out) == (0, "out.png\n")
    assert err.count("Warning: the worker has none of the units\n") == 1
    assert "succeeded" in err
    assert "100%" in err
    assert submission.output.read_bytes() == b"a picture"
    assert stat.S_IMODE(submission.output.stat().st_mode) & 0o400
    assert not list(tmp_path.glob(".easel-*"))


def test_a_time_limit_is_sent_and_its_warning_printed_once(
    client: httpx.Client,
    services: Services,  # noqa: F811
    redis: Redis,
    tmp_path: Path,
) -> None:
    submission = Submission(tmp_path, str(client.base_url), "--max-seconds", "90")
    job = claimed(redis, services.store)
    assert job.max_seconds == 90
    services.store.renew(job, warnings='["the time is over"]')
    succeed(job, services, b"a picture")
    status, _, err = submission.finish()
    assert (status, err.count("Warning: the time is over\n")) == (0, 1), err


@pytest.mark.parametrize("watching", [True, False])
def test_ctrl_c_cancels_the_job(
    client: httpx.Client,
    services: Services,  # noqa: F811
    redis: Redis,
    tmp_path: Path,
    *,
    watching: bool,
) -> None:
    submission = Submission(tmp_path, str(client.base_url))
    job = claimed(redis, services.store)
    if watching:
        wait_until_followed(client)
    submission.process.send_signal(signal.SIGINT)
    status, _, err = submission.finish()
    assert (status, f"job {job.id} was cancelled" in err) == (130, True), err
    assert services.store.renew(job).canceled, "the worker does not see the cancellation"
    assert not submission.output.exists()


def test_a_dropped_connection_is_retried_without_a_second_job(
    client: httpx.Client,
    services: Services,  # noqa: F811
    redis: Redis,
    tmp_path: Path,
) -> None:
    port = urlsplit(str(client.base_url)).port
    assert port is not None
    wire = Wire(port)
    submission = Submission(tmp_path, f"http://127.0.0.1:{wire.port}")
    job = claimed(redis, services.store)  # the response may still be on its way
    wire.close()
    reopened = Wire(port, wire.port)
    succeed(job, services, b"a picture")
    assert submission.finish()[0] == 0
    reopened.close()
    assert submission.output.read_bytes() == b"a picture"
    assert len(redis.keys("easel:job:*")) == 1, "a retry created a second job"


def test_a_job_that_fails_is_reported_with_its_error(
    client: httpx.Client,
    services: Services,  # noqa: F811
    redis: Redis,
    tmp_path: Path,
) -> None:
    submission = Submission(tmp_path, str(client.base_url))
    job = claimed(redis, services.store)
    services.store.fail(job, Failure(code="broken", message="it broke", retryable=False))
    status, out, err = submission.finish()
    assert (status, out) == (3, "")
    assert f"easel: job {job.id} failed: it broke (broken)" in err
    assert not submission.output.exists()


def test_a_refused_request_is_reported_field_by_field(
    client: httpx.Client, redis: Redis, tmp_path: Path
) -> None:
    submission = Submission(tmp_path, str(client.base_url), "--steps", "-3", "--optimizer", "sgd")
    status, _, err = submission.finish()
    assert status == 1
    assert "\n  steps: " in err
    assert "\n  optimizer: " in err
    assert "Traceback" not in err
    assert redis.keys("easel:job:*") == []


def test_an_unreachable_server_is_reported(tmp_path: Path) -> None:
    submission = Submission(tmp_path, "http://127.0.0.1:1", "--patience", "1")
    status, _, err = submission.finish()
    assert status == 5
    assert "http://127.0.0.1:1 cannot be reached" in err
    assert "Traceback" not in err


def test_an_unknown_extension_is_refused_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    submission = Submission(tmp_path, "http://127.0.0.1:1", output="out.bmp")
    status, _, err = submission.finish()
    assert (status, "expected one of .png, .jpeg, .jpg" in err) == (1, True), err
