"""A job from claim to final state, with a tiny network and a real store."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from redis import Redis
from torch import Tensor

from core import images
from core.blobs import Blobs
from core.errors import LossNotFinite, ServiceUnavailable
from core.jobs import Inputs, Job, JobStatus
from core.nst import Pictures, load_network, stylize
from core.nst.weights import save_weights
from core.params import Network, StyleParams
from core.store import JobStore
from tests.conftest import photo, stored
from worker.networks import Networks, calibration_pictures
from worker.runner import Runner, failure_of

CONTENT, STYLE = photo(80, 60, seed=1), photo(70, 90, seed=2)
PARAMS = StyleParams(size=64, steps=4, pyramid="off", network=Network.TORCHVISION)


@pytest.fixture
def weights_dir(tmp_path: Path, tiny_weights: dict[str, Tensor]) -> Path:
    """A cache in which a tiny network stands for torchvision's."""
    save_weights(tiny_weights, tmp_path / Network.TORCHVISION.filename)
    return tmp_path


@pytest.fixture
def runner(store: JobStore, blobs: Blobs, weights_dir: Path) -> Runner:
    networks = Networks(weights_dir, torch.device("cpu"))
    return Runner(store, blobs, networks, max_pixels=1_000_000)


def inputs(blobs: Blobs, style: Image.Image) -> Inputs:
    return Inputs(content=stored(blobs, CONTENT), styles=(stored(blobs, style),))


def new_job(store: JobStore, blobs: Blobs, params: StyleParams = PARAMS) -> Job:
    return store.create(params, inputs(blobs, STYLE))


def test_a_job_ends_with_the_picture_that_the_optimiser_makes(
    runner: Runner, store: JobStore, blobs: Blobs, weights_dir: Path
) -> None:
    job = new_job(store, blobs)
    runner.run(job.id)
    ended = store.get(job.id)
    assert ended.status is JobStatus.SUCCEEDED
    assert ended.result is not None
    network = load_network(Network.TORCHVISION, weights_dir, torch.device("cpu"))
    *_, expected = stylize(Pictures(CONTENT, [STYLE]), PARAMS, network)
    shown = images.decode(blobs.get(ended.result.sha256), max_pixels=1_000_000)
    assert np.array_equal(np.asarray(shown.picture), np.asarray(expected.picture()))
    assert ended.progress is not None
    assert (ended.progress.fraction, ended.progress.loss.total) == (1, float(expected.loss.total))
    assert ended.metrics is not None
    assert ended.metrics.device == "cpu"


def test_the_result_keeps_the_alpha_of_the_content(
    runner: Runner, store: JobStore, blobs: Blobs
) -> None:
    cut_out = CONTENT.copy()
    cut_out.putalpha(Image.new("L", CONTENT.size, 90))
    job = store.create(
        PARAMS, Inputs(content=stored(blobs, cut_out), styles=(stored(blobs, STYLE),))
    )
    runner.run(job.id)
    result = store.get(job.id).result
    assert result is not None
    alpha = images.decode(blobs.get(result.sha256), max_pixels=1_000_000).alpha
    assert alpha is not None
    assert (alpha.size, alpha.getextrema()) == ((64, 48), (90, 90))


def test_a_job_that_is_not_queued_is_left_alone(
    runner: Runner, store: JobStore, blobs: Blobs
) -> None:
    job = new_job(store, blobs)
    runner.run(job.id)
    before = store.get(job.id)
    runner.run(job.id)
    runner.run("no-such-job")
    assert store.get(job.id) == before


def test_a_missing_upload_fails_the_job_with_a_code(
    runner: Runner, store: JobStore, blobs: Blobs, tmp_path: Path
) -> None:
    job = new_job(store, blobs)
    next((tmp_path / "blobs").rglob(job.inputs.content.sha256)).unlink()
    runner.run(job.id)
    error = store.get(job.id).error
    assert error is not None
    assert (error.code, error.retryable) == ("blob_not_found", False)


def test_the_worker_goes_on_after_a_job_that_failed(
    runner: Runner, store: JobStore, blobs: Blobs
) -> None:
    bad = store.create(PARAMS, inputs(blobs, photo(640, 20)))
    good = new_job(store, blobs)
    runner.run(bad.id)
    runner.run(good.id)
    assert store.get(bad.id).status is JobStatus.FAILED
    assert store.get(good.id).status is JobStatus.SUCCEEDED


def test_a_job_that_another_attempt_has_taken_is_given_up(
    store: JobStore, blobs: Blobs, weights_dir: Path, redis: Redis
) -> None:
    job = new_job(store, blobs)

    def clock() -> float:
        # Asked throughout the run: by then a later attempt owns the job.
        redis.hset(f"easel:job:{job.id}", "attempt", "2")
        return 0.0

    networks = Networks(weights_dir, torch.device("cpu"))
    Runner(store, blobs, networks, 1_000_000, clock).run(job.id)
    assert store.get(job.id).status is JobStatus.RUNNING
    assert store.get(job.id).result is None


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (LossNotFinite(), "loss_not_finite", False),
        (ServiceUnavailable(), "service_unavailable", True),
        (MemoryError(), "out_of_memory", False),
        (torch.OutOfMemoryError(), "out_of_memory", False),
        (KeyError("secret"), "internal_error", True),
    ],
)
def test_every_error_has_a_code_and_internals_stay_inside(
    error: Exception, code: str, retryable: bool
) -> None:
    failure = failure_of(error)
    assert (failure.code, failure.retryable) == (code, retryable)
    assert "secret" not in json.dumps(failure.model_dump())


def test_a_network_is_loaded_once(weights_dir: Path) -> None:
    networks = Networks(weights_dir, torch.device("cpu"))
    assert networks.names() == ()
    assert networks.get(Network.TORCHVISION) is networks.get(Network.TORCHVISION)
    assert networks.names() == ("vgg19-torchvision",)


def test_the_photographs_for_normalising_are_there() -> None:
    pictures = calibration_pictures()
    assert len(pictures) >= 3
    assert all(picture.mode == "RGB" for picture in pictures)
