"""``easel serve`` starts a whole service and keeps it running until it is stopped."""

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

import numpy as np
import psutil
import pytest
from httpx_sse import EventSource
from numpy.typing import NDArray
from PIL import Image

from core.jobs.job import new_job_id
from core.params import Network
from core.params.presets import STYLE_LAYERS
from core.settings.model import Settings
from tests.acceptance import judge
from tests.acceptance.conftest import PATIENCE_SECONDS, Service, free_port
from tests.cli.conftest import easel

ROOT = Path(__file__).parent.parent.parent
#: The layer weights of a job without ``style_weight``.
RECIPE = judge.LossOptions(base=STYLE_LAYERS)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that the tests in this module share, started where Easel's names are taken."""
    folder = tmp_path_factory.mktemp("folder")
    for name in ("api", "celery", "cli", "core", "json", "numpy", "random", "torch", "worker"):
        (folder / f"{name}.py").write_text("open(__file__ + '.imported', 'w').close()")
    proxy = "http://127.0.0.1:1"  # not asked for the service's own address
    service = Service(tmp_path_factory.mktemp("data"), free_port(), folder, http_proxy=proxy)
    service.output = service.wait_until_ready()
    yield service
    service.stop()
    assert [path.name for path in folder.rglob("*.imported")] == []


def test_it_prints_its_address_and_a_command_that_makes_a_picture(
    running: Service,
) -> None:
    ready, suggestion = running.output
    assert ready.strip() == f"Easel is ready at http://127.0.0.1:{running.port}"
    command = suggestion.strip().removeprefix("Try: ").replace("size=256", "size=128")
    command = command.replace("curl", "curl -sS -F steps=60", 1)
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    job = running.finished(json.loads(done.stdout))
    assert job["status"] == "succeeded"
    picture = Image.open(io.BytesIO(running.http.get(job["links"]["result"]).content))
    assert max(picture.size) == 128
    # The losses that the job reports match an independent measurement.
    photo, painting = (
        Image.open(ROOT / "samples" / name) for name in ("photos/cat.jpg", "styles/embers.jpg")
    )
    weights = Settings().weights_dir / Network.NORMALIZED.filename
    content, style = judge.losses(picture, photo, [painting], weights, RECIPE)
    assert job["progress"]["loss"]["content"] == pytest.approx(content, rel=0.02)
    assert job["progress"]["loss"]["style"] == pytest.approx(style, rel=0.02)
    # At strength 0 nothing changes, which gives the style loss of the content itself.
    unchanged = post_sample(running, ROOT / "samples", size=128, steps=1, strength=0)
    start = running.finished(unchanged)["progress"]["loss"]
    assert start["content"] == pytest.approx(0, abs=1e-3)  # not 0 because of rounding
    assert job["progress"]["loss"]["style"] < start["style"] / 5
    # The result still shows the photograph: it is closer to it than another photograph is.
    other = Image.open(ROOT / "samples" / "photos" / "coffee.jpg").resize(picture.size)
    assert content < judge.losses(other, photo, [painting], weights)[0]


def test_readyz_reports_the_worker_and_its_network(running: Service) -> None:
    ready = running.http.get("/readyz")
    assert ready.status_code == 200
    (worker,) = ready.json()["workers"]
    assert worker["networks"] == ["vgg19-normalized"]


def test_a_job_goes_from_queued_to_done(running: Service, samples: Path) -> None:
    job = post_sample(running, samples, size=64, steps=10)
    assert job["status"] == "queued"
    ended = running.finished(job)
    assert (ended["progress"]["step"], ended["progress"]["fraction"]) == (10, 1)
    assert ended["created_at"] <= ended["started_at"] <= ended["finished_at"]


def test_a_finished_job_goes_on_at_a_larger_size(running: Service, samples: Path) -> None:
    first = running.finished(post_sample(running, samples, size=64, steps=10))
    fields = {"continue_from": first["id"], "size": 128, "steps": 1, "tv_weight": 3}
    larger = running.finished(running.http.post("/jobs", json=fields).raise_for_status().json())
    assert (larger["status"], larger["continued_from"]) == ("succeeded", first["id"])
    assert (larger["progress"]["scales"], larger["progress"]["width"]) == (2, 128)
    painted, photograph = (
        running.http.get(first["links"]["result"]).content,
        (samples / "photos" / "cat.jpg").read_bytes(),
    )
    result = _pixels(running.http.get(larger["links"]["result"]).content)
    # After one step at each scale, it still looks like the first result.
    from_painted = np.abs(result - _pixels(painted)).mean()
    assert from_painted < np.abs(result - _pixels(photograph)).mean() / 2


def _pixels(file: bytes) -> NDArray[np.float64]:
    small = Image.open(io.BytesIO(file)).convert("RGB").resize((32, 21), Image.Resampling.BOX)
    return np.asarray(small, dtype=float)


def test_the_command_line_makes_a_result_of_the_service_again(
    running: Service, samples: Path, tmp_path: Path
) -> None:
    ended = running.finished(post_sample(running, samples, size=64, steps=10, format="jpeg"))
    result, again = tmp_path / "result.jpg", tmp_path / "again.jpg"
    result.write_bytes(running.http.get(ended["links"]["result"]).content)
    content, style = samples / "photos" / "cat.jpg", samples / "styles" / "embers.jpg"
    done = easel("replay", result, "--content", content, "--style", style, "-o", again)
    assert (done.returncode, "Warning" in done.stderr) == (0, False), done.stderr
    assert again.read_bytes() == result.read_bytes()


def test_an_invalid_upload_is_a_422_and_the_service_keeps_running(
    running: Service, samples: Path
) -> None:
    readme = samples / "README.md"
    response = running.post(readme, samples / "styles" / "woodblock.jpg")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "content")
    assert running.http.get(f"/jobs/{new_job_id()}").status_code == 404


def test_the_event_stream_covers_a_job_from_start_to_end(running: Service, samples: Path) -> None:
    job = post_sample(running, samples, size=64, steps=60)
    names, states = [], []
    with running.http.stream("GET", job["links"]["events"], timeout=PATIENCE_SECONDS) as response:
        for event in EventSource(response).iter_sse():
            names.append(event.event)
            states.append(json.loads(event.data))
    assert names[:2] == ["queued", "started"]
    assert names[-1] == "succeeded"
    assert set(names[2:-1]) == {"progress", "preview"}
    fractions = [each["progress"]["fraction"] for each in states if each["progress"]]
    assert fractions == sorted(fractions)
    assert states[-1] == running.http.get(job["links"]["self"]).json()
    metrics = states[-1]["metrics"]
    assert (metrics["steps"], metrics["device"], metrics["attempts"]) == (60, "cpu", 1)
    assert metrics["run_seconds"] >= metrics["optimize_seconds"] > 0
    assert metrics["peak_memory_bytes"] > 2**20
    preview = running.http.get(job["links"]["preview"])
    assert Image.open(io.BytesIO(preview.content)).size == (64, 43)


@pytest.mark.parametrize("child", ["api", "worker", "valkey"])
def test_a_killed_child_is_restarted_and_jobs_run_again(
    running: Service, samples: Path, child: str
) -> None:
    supervisor = psutil.Process(running.process.pid)
    words = {"api": "api", "worker": "worker", "valkey": "valkey-server"}
    (victim,) = [
        process
        for process in supervisor.children()
        if any(part.rpartition("/")[2] == words[child] for part in process.cmdline())
        or words[child] in process.cmdline()[0]
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


def test_a_second_service_on_the_same_directory_or_port_is_refused_with_a_remedy(
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
    response = service.post(
        samples / "photos" / "cat.jpg", samples / "styles" / "embers.jpg", **fields
    )
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def post_when_up(service: Service, samples: Path) -> dict[str, Any]:
    """Post a job, and retry after a 503 as its Retry-After header says."""
    while True:
        response = service.post(
            samples / "photos" / "cat.jpg",
            samples / "styles" / "embers.jpg",
            size=64,
            steps=3,
        )
        if response.status_code == 202:
            job: dict[str, Any] = response.json()
            return job
        assert response.status_code == 503, response.text
        time.sleep(float(response.headers["retry-after"]))
