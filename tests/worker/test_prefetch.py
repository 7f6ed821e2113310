"""The pictures of the next job are decoded before it starts."""

from __future__ import annotations

import numpy as np
import pytest
from redis import Redis

from core.blobs.blobs import Blobs
from core.errors import BlobNotFound
from core.jobs.job import Inputs, Job
from core.jobs.status import JobStatus
from core.jobs.workers import Capacity
from core.params import Network, Precision, StyleParams
from core.queue.app import JobQueue, Messages
from core.store.jobs import JobStore
from core.store.previews import Previews
from tests.conftest import photo, stored
from worker.networks import Networks
from worker.prefetch import PictureLoader, Prefetcher
from worker.progress import RunLimits
from worker.runner import Runner

PARAMS = StyleParams(size=64, steps=2, pyramid="off", network=Network.TORCHVISION)
MAX_PIXELS = 1_000_000


@pytest.fixture
def prefetcher(store: JobStore, blobs: Blobs) -> Prefetcher:
    return Prefetcher(store, PictureLoader(blobs, MAX_PIXELS))


def new_job(store: JobStore, blobs: Blobs, queue: JobQueue, seed: int) -> Job:
    content, style = (stored(blobs, photo(80, 60, seed=each)) for each in (seed, seed + 1))
    job = store.create(PARAMS, Inputs(content=content, styles=(style,)))
    queue.announce(job.id)
    return job


def remove_files(blobs: Blobs, *jobs: Job) -> None:
    """Remove the uploads, so that only prefetched pictures can be loaded."""
    for job in jobs:
        for picture in job.inputs.pictures():
            blobs.delete(picture.sha256)


def test_a_job_runs_with_the_prefetched_pictures(
    prefetcher: Prefetcher,
    store: JobStore,
    blobs: Blobs,
    queue: JobQueue,
    previews: Previews,
    networks: Networks,
) -> None:
    limits = RunLimits(checkpoint_seconds=60, stall_seconds=60)
    runner = Runner(store, queue, blobs, previews, networks, prefetcher.load, limits)
    job = new_job(store, blobs, queue, seed=1)
    prefetcher.prefetch()
    remove_files(blobs, job)
    runner.run(job.id)
    assert store.get(job.id).status is JobStatus.SUCCEEDED


def test_prefetching_leaves_messages_and_jobs_as_they_are(
    prefetcher: Prefetcher, store: JobStore, blobs: Blobs, queue: JobQueue, redis: Redis
) -> None:
    jobs = [new_job(store, blobs, queue, seed) for seed in (1, 3)]
    prefetcher.prefetch()
    prefetcher.prefetch()
    assert Messages(redis).job_ids() == {job.id for job in jobs}
    assert {store.get(job.id).status for job in jobs} == {JobStatus.QUEUED}


def test_a_job_that_was_handed_back_is_prefetched_before_new_ones(
    prefetcher: Prefetcher, store: JobStore, blobs: Blobs, queue: JobQueue
) -> None:
    assert store.next_job() is None
    first, second = (new_job(store, blobs, queue, seed) for seed in (1, 3))
    assert store.next_job() == first.id
    attempt = store.claim(second.id)
    assert attempt is not None
    store.hand_back(attempt)
    prefetcher.prefetch()
    remove_files(blobs, first, second)
    prefetcher.load(second)
    with pytest.raises(BlobNotFound):
        prefetcher.load(first)


def test_a_job_that_was_not_prefetched_is_loaded_when_it_starts(
    prefetcher: Prefetcher, store: JobStore, blobs: Blobs, queue: JobQueue
) -> None:
    new_job(store, blobs, queue, seed=1)
    other = new_job(store, blobs, queue, seed=3)
    prefetcher.prefetch()
    pictures = prefetcher.load(other)
    assert np.array_equal(np.asarray(pictures.content), np.asarray(photo(80, 60, seed=3)))


def test_prefetched_pictures_are_returned_once(
    prefetcher: Prefetcher, store: JobStore, blobs: Blobs, queue: JobQueue
) -> None:
    job = new_job(store, blobs, queue, seed=1)
    prefetcher.prefetch()
    remove_files(blobs, job)
    prefetcher.load(job)
    with pytest.raises(BlobNotFound):
        prefetcher.load(job)


def test_only_the_pictures_of_the_last_two_jobs_are_kept(
    prefetcher: Prefetcher, store: JobStore, blobs: Blobs, queue: JobQueue
) -> None:
    jobs = [new_job(store, blobs, queue, seed) for seed in (1, 3, 5)]
    for _ in jobs:
        prefetcher.prefetch()
        store.claim()
    remove_files(blobs, *jobs)
    with pytest.raises(BlobNotFound):
        prefetcher.load(jobs[0])
    for job in jobs[1:]:
        prefetcher.load(job)


def test_pictures_are_kept_only_as_far_as_there_is_room(
    store: JobStore, blobs: Blobs, queue: JobQueue
) -> None:
    of_one_job = 2 * 80 * 60 * 4  # Pillow takes 4 bytes a pixel
    loader = PictureLoader(blobs, MAX_PIXELS)
    prefetcher = Prefetcher(store, loader, room=lambda: 2 * of_one_job - 1)
    jobs = [new_job(store, blobs, queue, seed) for seed in (1, 3)]
    for _ in jobs:
        prefetcher.prefetch()
        store.claim()
    remove_files(blobs, *jobs)
    assert prefetcher.load(jobs[0]).size_bytes == of_one_job
    with pytest.raises(BlobNotFound):
        prefetcher.load(jobs[1])


def test_files_that_could_not_be_prefetched_are_loaded_when_the_job_starts(
    prefetcher: Prefetcher, store: JobStore, blobs: Blobs, queue: JobQueue
) -> None:
    job = new_job(store, blobs, queue, seed=1)
    data = blobs.get(job.inputs.content.sha256)
    blobs.delete(job.inputs.content.sha256)
    prefetcher.prefetch()
    blobs.put(data)
    assert prefetcher.load(job).content.size == (80, 60)


def test_a_job_does_not_wait_for_a_prefetch_that_broke(
    store: JobStore, blobs: Blobs, queue: JobQueue
) -> None:
    class Breaking(Blobs):
        """Blobs whose first file does not fit into memory."""

        calls = 0

        def get(self, digest: str) -> bytes:
            self.calls += 1
            if self.calls == 1:
                raise MemoryError
            return super().get(digest)

    job = new_job(store, blobs, queue, seed=1)
    loader = PictureLoader(Breaking(blobs._backend), MAX_PIXELS)
    prefetcher = Prefetcher(store, loader)
    with pytest.raises(MemoryError):
        prefetcher.prefetch()
    assert prefetcher.load(job).content.size == (80, 60)


def test_nothing_is_prefetched_for_a_worker_that_is_too_small(
    store: JobStore, blobs: Blobs, queue: JobQueue
) -> None:
    loader = PictureLoader(blobs, MAX_PIXELS)
    prefetcher = Prefetcher(store, loader, lambda: Capacity(1, Precision.FLOAT32))
    content = stored(blobs, photo(80, 60, seed=1))
    job = store.create(PARAMS, Inputs(content=content, styles=(content,)), memory='{"auto": 2}')
    prefetcher.prefetch()
    remove_files(blobs, job)
    with pytest.raises(BlobNotFound):
        prefetcher.load(job)
