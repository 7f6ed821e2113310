"""A job that is finished while the next one is painted, as on a GPU, with a real store."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from core.blobs.blobs import Blobs
from core.errors import RedisUnavailable
from core.jobs.job import Inputs, Job
from core.jobs.status import JobStatus
from core.nst import Pictures
from core.params import Network, StyleParams
from core.queue.app import JobQueue
from core.store.jobs import JobStore
from core.store.previews import Previews
from tests.conftest import photo, stored
from worker.networks import Networks
from worker.output.later import Later
from worker.prefetch import PictureLoader
from worker.progress import RunLimits
from worker.runner import Runner

PARAMS = StyleParams(size=64, steps=2, pyramid="off", network=Network.TORCHVISION)
PNG = b"\x89PNG"
SECONDS = 60


class SlowBlobs(Blobs):
    """Stores each result when it may, or fails."""

    def __init__(self, blobs: Blobs, before: Callable[[], object]) -> None:
        super().__init__(blobs._backend)
        self._before = before

    def put(self, data: bytes, digest: str | None = None) -> str:
        if data.startswith(PNG):
            self._before()
        return super().put(data, digest)


@pytest.fixture
def new_job(store: JobStore, blobs: Blobs) -> Callable[[], Job]:
    content, style = stored(blobs, photo(80, 60)), stored(blobs, photo(64, 64))
    return lambda: store.create(PARAMS, Inputs(content=content, styles=(style,)))


@pytest.fixture
def make_runner(
    store: JobStore, queue: JobQueue, blobs: Blobs, previews: Previews, networks: Networks
) -> Callable[..., Runner]:
    def make(before: Callable[[], object], load: Callable[[Job], Pictures] | None = None) -> Runner:
        return Runner(
            *(store, queue, SlowBlobs(blobs, before), previews, networks),
            load or PictureLoader(blobs, 10_000).load,
            RunLimits(checkpoint_seconds=0, stall_seconds=60),
            overlap=True,
        )

    return make


def test_a_result_is_stored_while_the_next_job_is_painted(
    make_runner: Callable[..., Runner],
    new_job: Callable[[], Job],
    store: JobStore,
    blobs: Blobs,
) -> None:
    first, second = new_job(), new_job()
    second_begins = threading.Event()

    def load(job: Job) -> Pictures:
        if job.id == second.id:
            assert store.get(first.id).status is JobStatus.RUNNING
            second_begins.set()
        return PictureLoader(blobs, 10_000).load(job)

    runner = make_runner(lambda: second_begins.wait(SECONDS), load)
    runner.run(first.id)
    runner.run(second.id)
    runner.wait()
    ended = [store.get(job.id) for job in (first, second)]
    assert [job.status for job in ended] == [JobStatus.SUCCEEDED] * 2
    assert ended[0].result == ended[1].result
    assert ended[0].attempt == 1


def test_a_job_is_not_finished_twice_if_it_is_handed_back_meanwhile(
    make_runner: Callable[..., Runner], new_job: Callable[[], Job], store: JobStore
) -> None:
    job, goes_on = new_job(), threading.Event()
    runner = make_runner(lambda: goes_on.wait(SECONDS))
    runner.run(job.id)
    assert runner.job_id is None
    assert runner.abandon()  # as a worker does that is told to stop
    goes_on.set()
    runner.wait()
    assert not runner.abandon()
    assert store.get(job.id).status is JobStatus.QUEUED
    runner.run(job.id)
    runner.wait()
    assert store.get(job.id).status is JobStatus.SUCCEEDED


def test_an_error_of_the_last_job_is_its_own_and_ends_no_other(
    make_runner: Callable[..., Runner], new_job: Callable[[], Job], store: JobStore
) -> None:
    results = iter([KeyError("secret")])

    def fail_once() -> None:
        for error in results:
            raise error

    first, second = new_job(), new_job()
    runner = make_runner(fail_once)
    for job in (first, second):
        runner.run(job.id)
    runner.wait()
    failed = store.get(first.id)
    assert failed.error is not None
    assert failed.error.code == "internal_error"
    assert store.get(second.id).status is JobStatus.SUCCEEDED


def test_the_next_job_does_not_start_if_redis_stayed_unreachable(
    make_runner: Callable[..., Runner], new_job: Callable[[], Job], store: JobStore
) -> None:
    def fail() -> None:
        raise RedisUnavailable

    first, second = new_job(), new_job()
    runner = make_runner(fail)
    runner.run(first.id)
    later = runner._later
    assert later is not None
    later._executor.submit(int).result()  # the thread has done what came before
    with pytest.raises(RedisUnavailable):
        runner.run(second.id)
    # The reaper requeues the first job when its lease has expired.
    assert store.get(first.id).status is JobStatus.RUNNING
    assert store.get(second.id).status is JobStatus.QUEUED


def test_an_error_is_raised_once(new_job: Callable[[], Job]) -> None:
    later = Later()
    later.start(new_job(), lambda: [][0])
    with pytest.raises(IndexError):
        later.wait()
    later.check()
    later.wait()
    assert later.job is None
