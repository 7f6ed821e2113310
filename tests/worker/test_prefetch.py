"""The pictures of the next job, before it is begun."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from redis import Redis
from torch import Tensor

from core.blobs.blobs import Blobs
from core.errors import BlobNotFound
from core.jobs.job import Inputs, Job, JobStatus
from core.nst.weights.cache import save_weights
from core.params import Network, StyleParams
from core.queue.app import JobQueue, Messages, make_celery
from core.store.jobs import JobStore
from core.store.previews import Previews
from tests.conftest import photo, stored
from worker.networks import Networks
from worker.prefetch import Ahead, Loader
from worker.runner import Limits, Runner

PARAMS = StyleParams(size=64, steps=2, pyramid="off", network=Network.TORCHVISION)
LIMITS = Limits(max_pixels=1_000_000, checkpoint_seconds=60, stall_seconds=60)


@pytest.fixture
def ahead(redis: Redis, store: JobStore, blobs: Blobs) -> Ahead:
    return Ahead(Messages(redis), store, Loader(blobs, LIMITS.max_pixels))


@pytest.fixture
def queue(valkey_url: str) -> JobQueue:
    return JobQueue(make_celery(valkey_url))


def new_job(store: JobStore, blobs: Blobs, queue: JobQueue, seed: int) -> Job:
    content, style = (stored(blobs, photo(80, 60, seed=each)) for each in (seed, seed + 1))
    job = store.create(PARAMS, Inputs(content=content, styles=(style,)))
    queue.announce(job.id)
    return job


def remove_files(blobs: Blobs, job: Job) -> None:
    for picture in job.inputs.pictures():
        blobs.delete(picture.sha256)


def test_the_next_job_runs_on_pictures_that_were_decoded_before(
    ahead: Ahead,
    store: JobStore,
    blobs: Blobs,
    queue: JobQueue,
    redis: Redis,
    tmp_path: Path,
    tiny_weights: dict[str, Tensor],
) -> None:
    save_weights(tiny_weights, tmp_path / Network.TORCHVISION.filename)
    networks = Networks(tmp_path, torch.device("cpu"))
    runner = Runner(store, queue, blobs, Previews(redis), networks, LIMITS, pictures=ahead.load)
    job = new_job(store, blobs, queue, seed=1)
    ahead.look()
    remove_files(blobs, job)  # or nobody could tell whether they were read again
    runner.run(job.id)
    assert store.get(job.id).status is JobStatus.SUCCEEDED


def test_nothing_is_taken_from_the_queue_by_looking(
    ahead: Ahead, store: JobStore, blobs: Blobs, queue: JobQueue, redis: Redis
) -> None:
    jobs = [new_job(store, blobs, queue, seed) for seed in (1, 3)]
    ahead.look()
    ahead.look()
    assert Messages(redis).job_ids() == {job.id for job in jobs}
    assert {store.get(job.id).status for job in jobs} == {JobStatus.QUEUED}


def test_what_was_begun_already_comes_before_what_is_new(
    store: JobStore, blobs: Blobs, queue: JobQueue, redis: Redis
) -> None:
    messages = Messages(redis)
    assert messages.next() is None
    first, second = (new_job(store, blobs, queue, seed) for seed in (1, 3))
    assert messages.next() == first.id
    queue.announce(second.id, first=True)
    assert messages.next() == second.id


def test_a_wrong_guess_costs_nothing_but_the_guess(
    ahead: Ahead, store: JobStore, blobs: Blobs, queue: JobQueue, redis: Redis
) -> None:
    guessed, other = (new_job(store, blobs, queue, seed) for seed in (1, 3))
    ahead.look()
    pictures = ahead.load(other)
    assert np.array_equal(np.asarray(pictures.content), np.asarray(photo(80, 60, seed=3)))
    redis.rpop("easel.jobs\x06\x169")  # another worker takes the one that was guessed
    ahead.look()  # the second
    remove_files(blobs, guessed)
    remove_files(blobs, other)
    for job in (guessed, other):  # both are there: the first may have come to this worker
        ahead.load(job)
    with pytest.raises(BlobNotFound):
        ahead.load(guessed)  # given once


def test_files_that_could_not_be_read_ahead_are_read_when_the_job_is_begun(
    ahead: Ahead, store: JobStore, blobs: Blobs, queue: JobQueue
) -> None:
    job = new_job(store, blobs, queue, seed=1)
    data = blobs.get(job.inputs.content.sha256)
    blobs.delete(job.inputs.content.sha256)
    ahead.look()
    blobs.put(data)
    assert ahead.load(job).content.size == (80, 60)


def test_a_job_does_not_wait_for_a_guess_that_broke(
    store: JobStore, blobs: Blobs, queue: JobQueue, redis: Redis
) -> None:
    class Breaking(Blobs):
        """Its first file is more than there is memory for."""

        asked = 0

        def get(self, digest: str) -> bytes:
            self.asked += 1
            if self.asked == 1:
                raise MemoryError
            return super().get(digest)

    job = new_job(store, blobs, queue, seed=1)
    loader = Loader(Breaking(blobs._shelf), LIMITS.max_pixels)
    ahead = Ahead(Messages(redis), store, loader)
    with pytest.raises(MemoryError):
        ahead.look()
    assert ahead.load(job).content.size == (80, 60)


def test_only_the_last_two_guesses_are_kept(
    ahead: Ahead, store: JobStore, blobs: Blobs, queue: JobQueue, redis: Redis
) -> None:
    jobs = [new_job(store, blobs, queue, seed) for seed in (1, 3, 5)]
    for job in jobs:
        ahead.look()
        redis.rpop("easel.jobs\x06\x169")
        remove_files(blobs, job)
    with pytest.raises(BlobNotFound):
        ahead.load(jobs[0])
    for job in jobs[1:]:
        ahead.load(job)


def test_a_message_of_a_job_that_is_gone_is_no_guess(ahead: Ahead, queue: JobQueue) -> None:
    queue.announce("0" * 32)
    ahead.look()
