"""A job from claim to final state, with a tiny network and a real store."""

from __future__ import annotations

import gc
import io
import json
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import torch
from PIL import Image
from redis import Redis
from safetensors.torch import save

from core.blobs.blobs import Blobs
from core.errors import (
    JobNotFound,
    LossNotFinite,
    RedisUnavailable,
    ServiceUnavailable,
    WeightsCorrupt,
)
from core.jobs.footprint import memory_needed
from core.jobs.job import Inputs, Job, Picture
from core.jobs.pictures import JobPictures
from core.jobs.status import JobStatus
from core.jobs.workers import Capacity
from core.nst import Pictures, load_network, stylize
from core.nst.provenance import machine_of
from core.nst.weights.files import save_weights
from core.params import Init, Network, PictureFormat, Precision, StyleParams
from core.pictures.decode import Decoded, decode
from core.pictures.provenance.record import Digests, Provenance
from core.pictures.provenance.xmp import read_record
from core.queue.app import JobQueue, Messages
from core.runtime.redis import connect
from core.runtime.slots import Slots
from core.store.jobs import JobStore
from core.store.previews import Previews
from tests.conftest import photo, stored
from worker.failures import DeviceLost, failure_of
from worker.host.cores import SharedCores
from worker.networks import Networks, calibration_pictures
from worker.prefetch import PictureLoader
from worker.progress import RunLimits
from worker.runner import Runner

CONTENT, STYLE = photo(80, 60, seed=1), photo(70, 90, seed=2)
PARAMS = StyleParams(size=64, steps=4, pyramid="off", network=Network.TORCHVISION)
MAX_PIXELS = 1_000_000

#: A checkpoint is saved at every step.
LIMITS = RunLimits(checkpoint_seconds=0, stall_seconds=60)


class MakeRunner(Protocol):
    def __call__(
        self,
        stopping: Callable[[], bool] = ...,
        *,
        store: JobStore | None = None,
        blobs: Blobs | None = None,
        capacity: Callable[[], Capacity] = ...,
        share_cores: Callable[[], AbstractContextManager[None]] = ...,
    ) -> Runner: ...


@pytest.fixture
def make_runner(
    store: JobStore, queue: JobQueue, blobs: Blobs, previews: Previews, networks: Networks
) -> MakeRunner:
    default_store, default_blobs = store, blobs

    def make(
        stopping: Callable[[], bool] = lambda: False,
        *,
        store: JobStore | None = None,
        blobs: Blobs | None = None,
        capacity: Callable[[], Capacity] = Capacity,
        share_cores: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Runner:
        blobs = blobs or default_blobs
        load = PictureLoader(blobs, MAX_PIXELS).load
        store = store or default_store
        return Runner(
            store, queue, blobs, previews, networks, load, LIMITS, stopping, capacity, share_cores
        )

    return make


@pytest.fixture
def runner(make_runner: MakeRunner) -> Runner:
    return make_runner()


def inputs(blobs: Blobs, content: Image.Image = CONTENT, style: Image.Image = STYLE) -> Inputs:
    return Inputs(content=stored(blobs, content), styles=(stored(blobs, style),))


def new_job(store: JobStore, blobs: Blobs, params: StyleParams = PARAMS) -> Job:
    return store.create(params, inputs(blobs))


def result_file(store: JobStore, blobs: Blobs, job: Job) -> bytes:
    ended = store.get(job.id)
    assert ended.status is JobStatus.SUCCEEDED
    assert ended.result is not None
    return blobs.get(ended.result.sha256)


def decoded_result(store: JobStore, blobs: Blobs, job: Job) -> Decoded:
    return decode(result_file(store, blobs, job), max_pixels=MAX_PIXELS)


def uninterrupted_result(runner: Runner, store: JobStore, blobs: Blobs) -> bytes:
    job = new_job(store, blobs)
    runner.run(job.id)
    return result_file(store, blobs, job)


def digests(blobs: Blobs) -> set[str]:
    """The digests of all stored files."""
    return {digest for digest, _ in blobs.ages()}


def test_the_result_says_how_it_was_made(
    runner: Runner, store: JobStore, blobs: Blobs, networks: Networks
) -> None:
    job = new_job(store, blobs)
    runner.run(job.id)
    made = Provenance.parse(read_record(result_file(store, blobs, job)))
    content, (style,) = (job.inputs.content, job.inputs.styles)
    assert made.inputs == Digests(content=content.sha256, style=(style.sha256,))
    assert (made.params, made.edits) == (PARAMS, ())
    network = networks.get(Network.TORCHVISION)
    assert made.machine == machine_of(network, Precision.AUTO, memory=None)
    assert len(network.digest) == 64


def test_a_result_without_metadata_says_nothing(
    runner: Runner, store: JobStore, blobs: Blobs
) -> None:
    job = new_job(store, blobs, PARAMS.model_copy(update={"metadata": False}))
    runner.run(job.id)
    with Image.open(io.BytesIO(result_file(store, blobs, job))) as opened:
        assert set(opened.info) == {"icc_profile"}


def test_the_result_is_the_picture_that_the_optimiser_made(
    runner: Runner, store: JobStore, blobs: Blobs, weights_dir: Path
) -> None:
    job = new_job(store, blobs)
    runner.run(job.id)
    network = load_network(Network.TORCHVISION, weights_dir, torch.device("cpu"))
    *_, expected = stylize(Pictures(CONTENT, [STYLE]), PARAMS, network)
    picture = decoded_result(store, blobs, job).picture
    assert np.array_equal(np.asarray(picture), np.asarray(expected.picture()))
    ended = store.get(job.id)
    assert ended.progress is not None
    assert ended.progress.fraction == 1
    assert ended.progress.loss.total == pytest.approx(float(expected.loss.total), rel=1e-5)
    assert ended.metrics is not None
    assert ended.metrics.device == "cpu"


@pytest.mark.usefixtures("no_bfloat16_units")
def test_a_job_in_bfloat16_on_a_cpu_without_its_units_is_warned_once(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs
) -> None:
    params = PARAMS.model_copy(update={"precision": Precision.BFLOAT16})
    job = store.create(params, inputs(blobs), warnings=json.dumps(["content: it is cut off"]))
    make_runner(AtQuestion(3, lambda: True)).run(job.id)  # it is handed back
    first, warning = store.get(job.id).warnings
    assert first == "content: it is cut off"
    assert warning.endswith("has no bfloat16 units that Easel can use; float32 is used instead")
    make_runner().run(job.id)
    ended = store.get(job.id)
    assert (ended.status, ended.attempt) == (JobStatus.SUCCEEDED, 2)
    assert ended.warnings == (first, warning)
    plain = new_job(store, blobs)
    make_runner().run(plain.id)
    assert store.get(plain.id).warnings == ()


def test_the_result_keeps_the_alpha_of_the_content(
    runner: Runner, store: JobStore, blobs: Blobs
) -> None:
    translucent = CONTENT.copy()
    translucent.putalpha(Image.new("L", CONTENT.size, 90))
    job = store.create(PARAMS, inputs(blobs, content=translucent))
    runner.run(job.id)
    alpha = decoded_result(store, blobs, job).alpha
    assert alpha is not None
    assert (alpha.size, alpha.getextrema()) == ((64, 48), (90, 90))


def test_a_job_that_needs_more_memory_than_the_worker_has_stays_queued(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs
) -> None:
    large, small = (
        store.create(PARAMS, inputs(blobs), memory=json.dumps(memory_needed(PARAMS, pictures)))
        for pictures in map(JobPictures.square, (4096, 64))
    )
    runner = make_runner(capacity=lambda: Capacity(2 * 10**9, Precision.FLOAT32))
    for _ in range(2):
        runner.run()
    assert store.get(large.id).status is JobStatus.QUEUED
    assert store.get(large.id).attempt == 0
    assert store.get(small.id).status is JobStatus.SUCCEEDED


def test_a_job_runs_with_its_share_of_the_cores_and_its_record_says_so(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, tmp_path: Path
) -> None:
    slots = Slots(tmp_path / "jobs")
    running = []

    @contextmanager
    def one_thread() -> Iterator[None]:
        with SharedCores(slots, lambda: 1000, workers=1000).job():
            running.append(slots.count())
            yield

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        job = new_job(store, blobs)
        make_runner(share_cores=one_thread).run(job.id)
        metrics = store.get(job.id).metrics
    finally:
        torch.set_num_threads(before)
    assert metrics is not None
    assert metrics.threads == 1
    assert running == [1]
    assert slots.count() == 0
    slots.close()


def test_a_deleted_job_is_not_run(runner: Runner, store: JobStore, blobs: Blobs) -> None:
    job = new_job(store, blobs)
    store.delete(job.id)
    runner.run(job.id)
    with pytest.raises(JobNotFound):
        store.get(job.id)


def test_a_job_that_is_not_queued_is_not_run(runner: Runner, store: JobStore, blobs: Blobs) -> None:
    job = new_job(store, blobs)
    runner.run(job.id)
    ended = store.get(job.id)
    runner.run(job.id)
    runner.run("no-such-job")
    assert store.get(job.id) == ended


def test_a_missing_upload_fails_the_job_with_a_code(
    runner: Runner, store: JobStore, blobs: Blobs
) -> None:
    job = new_job(store, blobs)
    blobs.delete(job.inputs.content.sha256)
    runner.run(job.id)
    error = store.get(job.id).error
    assert error is not None
    assert (error.code, error.retryable) == ("blob_not_found", False)


def test_the_worker_runs_the_next_job_after_one_that_failed(
    runner: Runner, store: JobStore, blobs: Blobs
) -> None:
    too_narrow = store.create(PARAMS, inputs(blobs, style=photo(640, 20)))
    good = new_job(store, blobs)
    runner.run(too_narrow.id)
    runner.run(good.id)
    assert store.get(too_narrow.id).status is JobStatus.FAILED
    assert store.get(good.id).status is JobStatus.SUCCEEDED


class AtQuestion:
    """A ``stopping`` function that acts when it is called for the nth time.

    The runner calls it once before the claim and then at every step.
    """

    def __init__(self, number: int, action: Callable[[], bool]) -> None:
        self.number = number
        self.action = action
        self.calls = 0

    def __call__(self) -> bool:
        self.calls += 1
        return self.calls >= self.number and self.action()


def test_a_job_that_another_attempt_owns_is_abandoned(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_job(store, blobs)

    def start_another_attempt() -> bool:
        redis.hset(f"easel:job:{job.id}", "attempt", "2")
        return False

    make_runner(AtQuestion(2, start_another_attempt)).run(job.id)
    assert store.get(job.id).status is JobStatus.RUNNING
    assert store.get(job.id).result is None


@pytest.mark.parametrize("step", [0, 2, 4])
def test_a_job_that_was_handed_back_resumes_and_has_the_same_result(
    make_runner: MakeRunner,
    runner: Runner,
    store: JobStore,
    blobs: Blobs,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
    step: int,
) -> None:
    caplog.set_level("INFO")
    expected = uninterrupted_result(runner, store, blobs)
    job = new_job(store, blobs)
    make_runner(AtQuestion(step + 2, lambda: True)).run(job.id)
    requeued = store.get(job.id)
    assert (requeued.status, requeued.attempts) == ("queued", 0)
    assert Messages(redis).job_ids() == {job.id}
    caplog.clear()
    runner.run(job.id)
    resumed = [record for record in caplog.records if record.message == "job resumed"]
    assert [getattr(record, "step", None) for record in resumed] == [step]
    assert result_file(store, blobs, job) == expected
    assert store.get(job.id).attempts == 1


def test_equal_jobs_do_not_share_checkpoints(
    make_runner: MakeRunner,
    runner: Runner,
    store: JobStore,
    blobs: Blobs,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    one, other = new_job(store, blobs), new_job(store, blobs)
    for job in (one, other):
        make_runner(AtQuestion(4, lambda: True)).run(job.id)
    saved = {store.get(job.id).checkpoint for job in (one, other)}
    assert len(saved) == 2
    runner.run(one.id)  # which deletes its own checkpoints
    caplog.clear()
    runner.run(other.id)
    assert "job resumed" in caplog.messages
    assert result_file(store, blobs, one) == result_file(store, blobs, other)


def test_a_store_that_deletes_nothing_fails_no_job(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, caplog: pytest.LogCaptureFixture
) -> None:
    class AppendOnly(Blobs):
        def delete(self, digest: str, *, older_than: float = 0.0) -> bool:  # noqa: ARG002
            raise ServiceUnavailable("the blob store cannot be written: AccessDenied")

    job = new_job(store, blobs)
    make_runner(blobs=AppendOnly(blobs._backend)).run(job.id)
    assert store.get(job.id).status is JobStatus.SUCCEEDED
    assert "checkpoint left to the cleaner" in caplog.messages


def test_a_worker_that_is_stopping_claims_no_job(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs
) -> None:
    job = new_job(store, blobs)
    make_runner(lambda: True).run(job.id)
    assert store.get(job.id) == job


def junk(_: Networks) -> bytes:
    return b"junk"


def of_another_version(_: Networks) -> bytes:
    return save({"canvas": torch.zeros(3)})


def of_another_size(networks: Networks) -> bytes:
    params = PARAMS.model_copy(update={"size": 80})
    step = next(stylize(Pictures(CONTENT, [STYLE]), params, networks.get(params.network)))
    return step.checkpoint()


@pytest.mark.parametrize("checkpoint", [None, junk, of_another_version, of_another_size])
def test_a_job_with_an_unusable_checkpoint_starts_over(
    runner: Runner,
    store: JobStore,
    blobs: Blobs,
    networks: Networks,
    checkpoint: Callable[[Networks], bytes] | None,
) -> None:
    expected = uninterrupted_result(runner, store, blobs)
    digest = "0" * 64 if checkpoint is None else blobs.put(checkpoint(networks))
    job = new_job(store, blobs)
    attempt = store.claim(job.id)
    assert attempt is not None
    store.hand_back(attempt, checkpoint=digest)
    runner.run(job.id)
    assert result_file(store, blobs, job) == expected


def finished_but_not_marked(store: JobStore, blobs: Blobs, runner: Runner) -> tuple[Job, Picture]:
    """Return a job whose worker stored the result and died, and the result."""
    example, job = new_job(store, blobs), new_job(store, blobs)
    runner.run(example.id)
    ended, attempt = store.get(example.id), store.claim(job.id)
    assert attempt is not None
    assert ended.result is not None
    assert ended.progress is not None
    assert ended.metrics is not None
    store.renew(attempt, result=ended.result, progress=ended.progress, metrics=ended.metrics)
    store.hand_back(attempt)
    return job, ended.result


def test_a_stored_result_is_found_by_the_next_attempt_and_not_painted_again(
    store: JobStore, blobs: Blobs, runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    job, result = finished_but_not_marked(store, blobs, runner)
    caplog.clear()
    runner.run(job.id)
    assert "result found: an earlier attempt had stored it" in caplog.messages
    assert "picture finished" not in caplog.messages
    assert (store.get(job.id).status, store.get(job.id).result) == ("succeeded", result)


def test_a_recorded_result_whose_file_is_missing_is_painted_again(
    store: JobStore, blobs: Blobs, runner: Runner
) -> None:
    job, result = finished_but_not_marked(store, blobs, runner)
    blobs.delete(result.sha256)
    runner.run(job.id)
    assert sha256(result_file(store, blobs, job)).hexdigest() == result.sha256


def test_a_cancelled_job_ends_at_the_next_step(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs
) -> None:
    job = new_job(store, blobs, PARAMS.model_copy(update={"steps": 5000}))

    def cancel() -> bool:
        store.cancel(job.id)
        return False

    question = AtQuestion(3, cancel)
    make_runner(question).run(job.id)
    assert store.get(job.id).status is JobStatus.CANCELED
    assert question.calls < 5000


def test_a_finished_job_leaves_only_its_uploads_its_result_and_the_copies_of_it(
    store: JobStore, blobs: Blobs, runner: Runner
) -> None:
    job = new_job(store, blobs, PARAMS.model_copy(update={"format": PictureFormat.TIFF}))
    runner.run(job.id)
    ended = store.get(job.id)
    assert ended.result is not None
    assert ended.preview is not None
    assert ended.display is not None
    assert ended.content_display is not None
    copies = (ended.preview, ended.display, ended.content_display)
    files = (*ended.inputs.pictures(), ended.result, *copies)
    assert digests(blobs) == {picture.sha256 for picture in files}


def test_the_runner_raises_when_redis_stays_unreachable(make_runner: MakeRunner) -> None:
    unreachable = JobStore(connect("redis://127.0.0.1:1/0", patience=1))
    with pytest.raises(RedisUnavailable):
        make_runner(store=unreachable).run("01920000-0000-7000-8000-000000000000")


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (LossNotFinite(), "loss_not_finite", False),
        (ServiceUnavailable(), "service_unavailable", True),
        (MemoryError(), "out_of_memory", False),
        (torch.OutOfMemoryError(), "out_of_memory", False),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory", False),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), "out_of_memory", False),
        (KeyError("secret"), "internal_error", True),
    ],
)
def test_every_error_has_a_code_and_internal_details_stay_inside(
    error: Exception, code: str, retryable: bool
) -> None:
    failure = failure_of(error)
    assert (failure.code, failure.retryable) == (code, retryable)
    assert "secret" not in json.dumps(failure.model_dump())


def test_a_lost_device_leaves_the_record_as_it_is(
    make_runner: MakeRunner, runner: Runner, store: JobStore, blobs: Blobs
) -> None:
    expected = uninterrupted_result(runner, store, blobs)
    job = new_job(store, blobs)

    def illegal_access() -> bool:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(DeviceLost, match="illegal memory access"):
        make_runner(AtQuestion(4, illegal_access)).run(job.id)
    left = store.get(job.id)
    assert (left.status, left.attempt, left.error) == (JobStatus.RUNNING, 1, None)
    store.hand_back(left)  # as the reaper does when the lease has expired
    runner.run(job.id)
    assert result_file(store, blobs, job) == expected


def test_a_network_is_loaded_once(networks: Networks) -> None:
    assert networks.names() == ()
    assert networks.get(Network.TORCHVISION) is networks.get(Network.TORCHVISION)
    assert networks.names() == ("vgg19-torchvision",)


def test_only_the_last_network_is_kept(
    networks: Networks, weights_dir: Path, tiny_weights: dict[str, torch.Tensor]
) -> None:
    first = weakref.ref(networks.get(Network.TORCHVISION))
    save_weights(tiny_weights, weights_dir / Network.NORMALIZED.filename)
    with pytest.raises(WeightsCorrupt):  # they are not the paper's
        networks.get(Network.NORMALIZED)
    gc.collect()
    assert first() is None


def test_the_calibration_pictures_are_packaged() -> None:
    pictures = calibration_pictures()
    assert len(pictures) >= 3
    assert all(picture.mode == "RGB" for picture in pictures)


def delete(store: JobStore, blobs: Blobs, job: Job) -> None:
    """Delete the job as the API does."""
    store.holds.release(blobs, store.delete(job.id))


def test_a_job_that_is_deleted_while_it_runs_leaves_nothing(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_job(store, blobs, PARAMS.model_copy(update={"steps": 2000}))

    def delete_once() -> bool:
        if question.calls == question.number:
            assert len(digests(blobs)) > 2, "no checkpoint was saved"
            delete(store, blobs, job)
        return False

    question = AtQuestion(4, delete_once)
    make_runner(question).run(job.id)
    assert question.calls < 2000, "the job ran to its end"
    assert digests(blobs) == set()
    assert redis.keys("easel:job*") == []


def test_a_job_that_is_deleted_while_its_result_is_stored_leaves_nothing(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs
) -> None:
    job = new_job(store, blobs)
    other = new_job(store, blobs)

    class Deleting(Blobs):
        def put(self, data: bytes, digest: str | None = None) -> str:
            digest = super().put(data, digest)
            if data.startswith(b"\x89PNG"):
                delete(store, blobs, job)
            return digest

    make_runner(blobs=Deleting(blobs._backend)).run(job.id)
    with pytest.raises(JobNotFound):
        store.get(job.id)
    assert digests(blobs) == {picture.sha256 for picture in other.inputs.pictures()}


def test_a_newer_record_stays_as_it_is(
    runner: Runner, store: JobStore, blobs: Blobs, redis: Redis
) -> None:
    job = new_job(store, blobs)
    redis.hset(f"easel:job:{job.id}", "schema", 2)
    before = redis.hgetall(f"easel:job:{job.id}")
    runner.run()
    assert redis.hgetall(f"easel:job:{job.id}") == before


def timed_runner(make_runner: MakeRunner, step_seconds: float) -> Runner:
    """Return a runner whose clock advances at every reading, and which has 10 seconds a job."""
    runner = make_runner()
    seconds = iter(np.arange(0, 1e6, step_seconds))
    runner._clock = lambda: float(next(seconds))
    runner._limits = RunLimits(checkpoint_seconds=1e9, stall_seconds=60, job_seconds=10)
    return runner


def test_a_job_at_its_final_size_ends_with_the_picture_so_far_when_its_time_is_over(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs
) -> None:
    params = PARAMS.model_copy(update={"steps": 400})
    job = store.create(params, inputs(blobs), warnings='["style: the file is cut off"]')
    timed_runner(make_runner, 1).run(job.id)
    assert decoded_result(store, blobs, job).picture.size == (64, 48)
    ended = store.get(job.id)
    assert ended.warnings == (
        "style: the file is cut off",
        "the job was ended by its time limit of 10 s",
    )
    progress = ended.progress
    assert progress is not None
    assert progress.step < progress.steps == 400
    assert progress.fraction == pytest.approx(progress.step / 400, abs=0.001)


def test_a_job_whose_time_is_over_before_its_final_size_fails(
    make_runner: MakeRunner, store: JobStore, blobs: Blobs
) -> None:
    params = PARAMS.model_copy(update={"steps": 400, "size": 128, "pyramid": "64:2"})
    job = store.create(params, inputs(blobs), max_seconds="3")
    timed_runner(make_runner, 1).run(job.id)
    ended = store.get(job.id)
    assert (ended.status, ended.result) == (JobStatus.FAILED, None)
    assert ended.error is not None
    assert (ended.error.code, ended.error.retryable) == ("time_limit", False)
    assert "within 3 seconds; use a smaller size" in ended.error.message


def test_a_continued_job_begins_at_the_earlier_result(
    runner: Runner, store: JobStore, blobs: Blobs
) -> None:
    first = new_job(store, blobs)
    runner.run(first.id)
    result = store.get(first.id).result
    assert result is not None
    params = PARAMS.model_copy(update={"init": Init.IMAGE, "pyramid": "off", "steps": 1})
    start = inputs(blobs).model_copy(update={"init_image": result})
    second = store.create(params, start, continued_from=first.id)
    runner.run(second.id)
    before, after, photo = (
        np.asarray(each.picture, dtype=np.float64)
        for each in (
            decoded_result(store, blobs, first),
            decoded_result(store, blobs, second),
            decode(blobs.get(first.inputs.content.sha256), max_pixels=MAX_PIXELS),
        )
    )
    photo = np.asarray(Image.fromarray(photo.astype(np.uint8)).resize(before.shape[1::-1]), float)
    assert np.abs(after - before).mean() < np.abs(after - photo).mean()
