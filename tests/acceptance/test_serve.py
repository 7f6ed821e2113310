"""One command brings up a whole service, and nothing short of stopping it ends it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from httpx_sse import EventSource
from PIL import Image

from core.jobs.job import new_job_id
from core.params import Network
from core.settings.model import Settings
from tests.acceptance import judge
from tests.acceptance.conftest import PATIENCE_SECONDS, Service, free_port

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that the tests of this module share."""
    service = Service(tmp_path_factory.mktemp("data"), free_port())
    service.output = service.announced()
    yield service
    service.stop()


def test_it_says_where_it_is_and_the_command_it_suggests_ends_in_a_picture(
    running: Service,
) -> None:
    ready, suggestion = running.output
    assert ready.strip() == f"Easel is ready at http://127.0.0.1:{running.port}"
    command = suggestion.strip().removeprefix("Try: ").replace("size=256", "size=128")
    command = command.replace("curl", "curl -sS -F steps=60", 1)
    answer = subprocess.run(
        command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True
    )
    job = running.finished(json.loads(answer.stdout))
    assert job["status"] == "succeeded"
    picture = Image.open(io.BytesIO(running.http.get(job["links"]["result"]).content))
    assert max(picture.size) == 128
    # What the job says of its picture is what somebody else would measure.
    photo, painting = (
        Image.open(ROOT / "samples" / name) for name in ("photos/cat.jpg", "styles/embers.jpg")
    )
    weights = Settings().weights_dir / Network.NORMALIZED.filename
    content, style = judge.losses(picture, photo, [painting], weights)
    assert job["progress"]["loss"]["content"] == pytest.approx(content, rel=0.02)
    assert job["progress"]["loss"]["style"] == pytest.approx(style, rel=0.02)
    # Without a style weight nothing changes: that is the style term the content starts with.
    still = post_sample(running, ROOT / "samples", size=128, steps=1, style_weight=0)
    start = running.finished(still)["progress"]["loss"]
    assert start["content"] == pytest.approx(0, abs=1e-3)  # but for rounding
    assert job["progress"]["loss"]["style"] < start["style"] / 5
    # And it is still the photograph: nearer to it than another photograph is.
    other = Image.open(ROOT / "samples" / "photos" / "coffee.jpg").resize(picture.size)
    assert content < judge.losses(other, photo, [painting], weights)[0]


def test_every_part_reports_ready(running: Service) -> None:
    ready = running.http.get("/readyz")
    assert ready.status_code == 200
    (worker,) = ready.json()["workers"]
    assert worker["networks"] == ["vgg19-normalized"]


def test_progress_moves_from_queued_to_done(running: Service, samples: Path) -> None:
    job = post_sample(running, samples, size=64, steps=10)
    assert job["status"] == "queued"
    ended = running.finished(job)
    assert (ended["progress"]["step"], ended["progress"]["fraction"]) == (10, 1)
    assert ended["created_at"] <= ended["started_at"] <= ended["finished_at"]


def test_a_wrong_input_is_a_422_and_the_service_goes_on(running: Service, samples: Path) -> None:
    readme = samples / "README.md"
    answer = running.post(readme, samples / "styles" / "woodblock.jpg")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "content")
    assert running.http.get(f"/jobs/{new_job_id()}").status_code == 404


def test_a_job_is_followed_from_its_first_event_to_its_last(
    running: Service, samples: Path
) -> None:
    job = post_sample(running, samples, size=64, steps=60)
    names, told, fractions = [], [], []
    with running.http.stream("GET", job["links"]["events"], timeout=PATIENCE_SECONDS) as answer:
        for event in EventSource(answer).iter_sse():
            names.append(event.event)
            told.append(json.loads(event.data))
    assert names[:2] == ["queued", "started"]
    assert names[-1] == "succeeded"
    assert set(names[2:-1]) == {"progress", "preview"}
    fractions = [each["progress"]["fraction"] for each in told if each["progress"]]
    assert fractions == sorted(fractions)
    assert told[-1] == running.http.get(job["links"]["self"]).json()
    metrics = told[-1]["metrics"]
    assert (metrics["steps"], metrics["device"], metrics["attempts"]) == (60, "cpu", 1)
    assert metrics["run_seconds"] >= metrics["optimize_seconds"] > 0
    assert metrics["peak_memory_bytes"] > 2**20
    preview = running.http.get(job["links"]["preview"])
    assert Image.open(io.BytesIO(preview.content)).size == (64, 43)


@pytest.mark.parametrize("child", ["api", "worker", "valkey"])
def test_a_child_that_is_killed_comes_back_and_jobs_are_done_again(
    running: Service, samples: Path, child: str
) -> None:
    supervisor = psutil.Process(running.process.pid)
    marks = {"api": "api", "worker": "worker.main", "valkey": "valkey-server"}
    (victim,) = [
        process
        for process in supervisor.children()
        if any(part.rpartition("/")[2] == marks[child] for part in process.cmdline())
        or marks[child] in process.cmdline()[0]
    ]
    victim.kill()
    running.wait_for("child died; restarting", child=child)
    assert running.child(child) != victim.pid
    if child == "worker":
        running.wait_for("worker ready")
    if child == "api":
        address = f"http://127.0.0.1:{running.port}"
        running.wait_for(f"Uvicorn running on {address} (Press CTRL+C to quit)")
    job = post_when_up(running, samples)
    assert running.finished(job)["status"] == "succeeded"


def test_a_second_service_in_the_same_place_is_refused_with_the_remedy(
    running: Service, tmp_path: Path
) -> None:
    data_dir = psutil.Process(running.process.pid).environ()["EASEL_DATA_DIR"]
    for port, directory, remedy in (
        (free_port(), data_dir, "EASEL_DATA_DIR"),
        (running.port, str(tmp_path), "--port"),
    ):
        second = subprocess.run(
            [sys.executable, "-m", "cli", "serve", "--port", str(port)],
            env={**os.environ, "EASEL_DATA_DIR": directory},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert second.returncode == 1
        assert remedy in second.stderr.splitlines()[-1]
        assert "Traceback" not in second.stderr


def post_sample(service: Service, samples: Path, **fields: object) -> dict[str, Any]:
    answer = service.post(
        samples / "photos" / "cat.jpg", samples / "styles" / "embers.jpg", **fields
    )
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def post_when_up(service: Service, samples: Path) -> dict[str, Any]:
    """Post as a client would that heeds a 503: again after a moment."""
    while True:
        answer = service.post(
            samples / "photos" / "cat.jpg",
            samples / "styles" / "embers.jpg",
            size=64,
            steps=3,
        )
        if answer.status_code == 202:
            job: dict[str, Any] = answer.json()
            return job
        assert answer.status_code == 503, answer.text
        time.sleep(float(answer.headers["retry-after"]))
