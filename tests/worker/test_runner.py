"""A job from claim to final state, with a tiny network and a real store."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from redis import Redis
from safetensors.torch import save
from torch import Tensor

from core.blobs.blobs import Blobs
from core.errors import JobNotFound, LossNotFinite, RedisUnavailable, ServiceUnavailable
from core.jobs.job import Inputs, Job, JobStatus, Picture
from core.nst import Pictures, load_network, stylize
from core.nst.weights.cache import save_weights
from core.params import Network, StyleParams
from core.pictures import decode as images
from core.queue.app import JobQueue, Messages, make_celery
from core.runtime.redis import connect
from core.store.jobs import JobStore
from core.store.previews import Previews
from tests.conftest import photo, stored
from worker.failures import failure_of
from worker.networks import Networks, calibration_pictures
from worker.runner import Limits, Runner

CONTENT, STYLE = photo(80, 60, seed=1), photo(70, 90, seed=2)
PARAMS = StyleParams(size=64, steps=4, pyramid="off", network=Network.TORCHVISION)
LIMITS = Limits(max_pixels=1_000_000, checkpoint_seconds=0, stall_seconds=60)


@pytest.fixture
def weights_dir(tmp_path: Path, tiny_weights: dict[str, Tensor]) -> Path:
    """A cache in which a tiny network stands for torchvision's."""
    save_weights(tiny_weights, tmp_path / Network.TORCHVISION.filename)
    return tmp_path


@pytest.fixture
def runner(
    store: JobStore, queue: JobQueue, blobs: Blobs, previews: Previews, networks: Networks
) -> Runner:
    return Runner(store, queue, blobs, previews, networks, LIMITS)


@pytest.fixture
def previews(redis: Redis) -> Previews:
    return Previews(redis)


@pytest.fixture
def networks(weights_dir: Path) -> Networks:
    return Networks(weights_dir, torch.device("cpu"))


@pytest.fixture
def queue(valkey_url: str) -> JobQueue:
    return JobQueue(make_celery(valkey_url))


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
    assert ended.progress.fraction == 1
    assert ended.progress.loss.total == pytest.approx(float(expected.loss.total), rel=1e-5)
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
    store: JobStore,
    queue: JobQueue,
    blobs: Blobs,
    previews: Previews,
    networks: Networks,
    redis: Redis,
) -> None:
    job = new_job(store, blobs)

    def taken() -> bool:
        # Asked at every step: by then a later attempt owns the job.
        redis.hset(f"easel:job:{job.id}", "attempt", "2")
        return False

    Runner(store, queue, blobs, previews, networks, LIMITS, taken).run(job.id)
    # The first question is asked before the claim, which then makes it the third attempt.
    assert store.get(job.id).status is JobStatus.RUNNING
    assert store.get(job.id).result is None


class StopAt:
    """Tells the worker to stop at the so-manieth question, which it asks at every step."""

    def __init__(self, question: int) -> None:
        self.left = question

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def uninterrupted(runner: Runner, store: JobStore, blobs: Blobs) -> bytes:
    job = new_job(store, blobs)
    runner.run(job.id)
    return result_of(store, blobs, job)


def result_of(store: JobStore, blobs: Blobs, job: Job) -> bytes:
    ended = store.get(job.id)
    assert ended.status is JobStatus.SUCCEEDED
    assert ended.result is not None
    return blobs.get(ended.result.sha256)


@pytest.mark.parametrize("question", [1, 3, 5])
def test_a_job_handed_back_goes_on_where_it_was_and_ends_in_the_same_picture(
    store: JobStore,
    queue: JobQueue,
    blobs: Blobs,
    previews: Previews,
    networks: Networks,
    runner: Runner,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
    question: int,
) -> None:
    caplog.set_level("INFO")
    expected = uninterrupted(runner, store, blobs)
    job = new_job(store, blobs)
    Runner(store, queue, blobs, previews, networks, LIMITS, StopAt(question)).run(job.id)
    waiting = store.get(job.id)
    assert (waiting.status, waiting.attempts) == ("queued", 0)
    assert Messages(redis).job_ids() == {job.id}
    caplog.clear()
    runner.run(job.id)
    resumed = [record for record in caplog.records if record.message == "job resumed"]
    assert [getattr(record, "step", None) for record in resumed] == [question - 1]
    assert result_of(store, blobs, job) == expected
    assert store.get(job.id).attempts == 1


def test_a_worker_that_stops_claims_nothing_more(
    store: JobStore, queue: JobQueue, blobs: Blobs, previews: Previews, networks: Networks
) -> None:
    job = new_job(store, blobs)
    Runner(store, queue, blobs, previews, networks, LIMITS, lambda: True).run(job.id)
    assert store.get(job.id) == job


@pytest.mark.parametrize("damage", ["missing", "junk", "of another size"])
def test_a_checkpoint_of_no_use_means_to_start_anew(
    store: JobStore,
    blobs: Blobs,
    previews: Previews,
    networks: Networks,
    runner: Runner,
    damage: str,
) -> None:
    expected = uninterrupted(runner, store, blobs)
    other = PARAMS.model_copy(update={"size": 80})
    first = next(stylize(Pictures(CONTENT, [STYLE]), other, networks.get(PARAMS.network)))
    checkpoint = {
        "missing": "0" * 64,
        "junk": blobs.put(b"junk"),
        "of another size": blobs.put(first.checkpoint()),
    }[damage]
    job = new_job(store, blobs)
    attempt = store.claim(job.id)
    assert attempt is not None
    store.hand_back(attempt, checkpoint=checkpoint)
    runner.run(job.id)
    assert result_of(store, blobs, job) == expected


def noted(store: JobStore, blobs: Blobs, runner: Runner) -> tuple[Job, Picture]:
    """A job whose worker noted the result and died, and that result."""
    before, job = new_job(store, blobs), new_job(store, blobs)
    runner.run(before.id)
    ended, attempt = store.get(before.id), store.claim(job.id)
    assert attempt is not None
    assert ended.result is not None
    assert ended.progress is not None
    assert ended.metrics is not None
    store.renew(attempt, result=ended.result, progress=ended.progress, metrics=ended.metrics)
    store.hand_back(attempt)
    return job, ended.result


def test_a_finished_result_is_found_by_the_next_attempt_without_painting_again(
    store: JobStore, blobs: Blobs, runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    job, result = noted(store, blobs, runner)
    caplog.clear()
    runner.run(job.id)
    assert "result found: an earlier attempt had finished" in caplog.messages
    assert "checkpoint saved" not in caplog.messages
    assert (store.get(job.id).status, store.get(job.id).result) == ("succeeded", result)


def test_a_note_of_a_result_whose_file_is_not_there_means_to_paint(
    store: JobStore, blobs: Blobs, runner: Runner
) -> None:
    job, result = noted(store, blobs, runner)
    blobs.delete(result.sha256)
    runner.run(job.id)
    assert sha256(result_of(store, blobs, job)).hexdigest() == result.sha256


def test_a_job_called_off_ends_at_the_next_step(
    store: JobStore, queue: JobQueue, blobs: Blobs, previews: Previews, networks: Networks
) -> None:
    job = new_job(store, blobs, PARAMS.model_copy(update={"steps": 5000}))
    steps = 0

    def call_off() -> bool:
        nonlocal steps
        steps += 1
        if steps == 3:
            store.cancel(job.id)
        return False

    Runner(store, queue, blobs, previews, networks, LIMITS, call_off).run(job.id)
    assert store.get(job.id).status is JobStatus.CANCELED
    assert steps < 5000


def test_nothing_but_uploads_and_the_result_is_left_behind(
    store: JobStore, blobs: Blobs, runner: Runner, tmp_path: Path
) -> None:
    # A checkpoint was saved at every step.
    job = new_job(store, blobs)
    runner.run(job.id)
    ended = store.get(job.id)
    assert ended.result is not None
    assert ended.preview is not None
    named = (*ended.inputs.pictures(), ended.result, ended.preview)
    wanted = {picture.sha256 for picture in named}
    assert {file.name for file in (tmp_path / "blobs").rglob("*") if file.is_file()} == wanted


def test_the_workers_patience_with_redis_has_an_end(
    blobs: Blobs, previews: Previews, networks: Networks, valkey_url: str
) -> None:
    away = JobStore(connect("redis://127.0.0.1:1/0", patience=1))
    runner = Runner(away, JobQueue(make_celery(valkey_url)), blobs, previews, networks, LIMITS)
    with pytest.raises(RedisUnavailable):
        runner.run("some-id")


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


def delete(store: JobStore, blobs: Blobs, job_id: str) -> None:
    """As the api does it."""
    store.holds.release(blobs, store.delete(job_id))


def test_a_job_that_is_deleted_while_it_runs_leaves_nothing(
    store: JobStore,
    queue: JobQueue,
    blobs: Blobs,
    previews: Previews,
    networks: Networks,
    redis: Redis,
) -> None:
    job = new_job(store, blobs, PARAMS.model_copy(update={"steps": 2000}))
    asked = 0

    def delete_at_the_fourth_step() -> bool:
        nonlocal asked
        asked += 1
        if asked == 4:
            assert len(list(blobs.ages())) > 2, "no checkpoint was saved"
            delete(store, blobs, job.id)
        return False

    Runner(store, queue, blobs, previews, networks, LIMITS, delete_at_the_fourth_step).run(job.id)
    assert asked < 2000, "it went on to its end"
    assert list(blobs.ages()) == []
    assert redis.keys("easel:job*") == []


def test_a_job_that_is_deleted_as_its_result_is_written_leaves_nothing(
    store: JobStore, queue: JobQueue, blobs: Blobs, previews: Previews, networks: Networks
) -> None:
    job = new_job(store, blobs)
    other = new_job(store, blobs)

    class Deleting(Blobs):
        def put(self, data: bytes, digest: str | None = None) -> str:
            digest = super().put(data, digest)
            if data.startswith(b"\x89PNG"):
                delete(store, blobs, job.id)
            return digest

    Runner(store, queue, Deleting(blobs._shelf), previews, networks, LIMITS).run(job.id)
    with pytest.raises(JobNotFound):
        store.get(job.id)
    needed = {picture.sha256 for picture in other.inputs.pictures()}
    assert {digest for digest, _ in blobs.ages()} == needed


def test_a_newer_record_is_left_alone_and_its_message_handed_on(
    runner: Runner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_job(store, blobs)
    redis.hset(f"easel:job:{job.id}", "schema", 2)
    before = redis.hgetall(f"easel:job:{job.id}")
    runner.run(job.id)
    assert redis.hgetall(f"easel:job:{job.id}") == before
    assert Messages(redis).job_ids() == set()
    (message,) = redis.lrange("easel.jobs.2", 0, -1)
    assert json.loads(message)["headers"]["id"] == job.id
    assert json.loads(message)["headers"]["schema"] == "2"


def test_a_checkpoint_of_another_version_is_not_used(
    runner: Runner, store: JobStore, blobs: Blobs
) -> None:
    job = new_job(store, blobs)
    claimed = store.claim(job.id)
    assert claimed is not None
    other = save({"canvas": torch.zeros(3)})
    store.hand_back(claimed, checkpoint=blobs.put(other))
    runner.run(job.id)
    assert store.get(job.id).status is JobStatus.SUCCEEDED
