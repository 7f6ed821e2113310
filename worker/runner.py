"""One job, from claim to final state."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from core.blobs.blobs import Blobs
from core.errors import (
    BlobCorrupt,
    BlobNotFound,
    EaselError,
    NewerRecord,
    RedisUnavailable,
    ServiceUnavailable,
    StaleAttempt,
)
from core.jobs.job import Job, JobStatus, Metrics, Picture, Progress
from core.jobs.schema_version import SCHEMA_VERSION
from core.nst import VGG19, Pictures, Step, stylize
from core.pictures.encode import Encoded, encode
from core.queue.app import JobQueue
from core.runtime.logs import log_context
from core.runtime.malloc import give_back_memory
from core.runtime.tracing import job_span
from core.store.jobs import JobStore
from core.store.previews import Previews
from worker.checkpoints import Checkpoints
from worker.failures import failure_of
from worker.lease import Lease
from worker.leftovers import clearing_up, holding
from worker.memory import PeakMemory
from worker.networks import Networks
from worker.prefetch import Loader
from worker.previews import Painter, thumbnail
from worker.progress import Pace
from worker.reports import picture_of, progress_of

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What a run is held to."""

    #: The bound that uploads were accepted with.
    max_pixels: int
    #: From one checkpoint to the next.
    checkpoint_seconds: float
    #: The longest that one step may take.
    stall_seconds: float


class Runner:
    """Runs jobs, one at a time.

    Args:
        store: has the records.
        queue: hears of jobs that are handed back.
        blobs: has the pictures.
        previews: hears how the picture of a running job looks.
        networks: has the networks, and with them the device.
        limits: what a run is held to.
        stopping: whether the worker was told to stop.
        clock: monotonic seconds.
        pictures: gives those of a job; by default they are decoded when it is begun.
    """

    def __init__(
        self,
        store: JobStore,
        queue: JobQueue,
        blobs: Blobs,
        previews: Previews,
        networks: Networks,
        limits: Limits,
        stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        pictures: Callable[[Job], Pictures] | None = None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._blobs = blobs
        self._previews = previews
        self._networks = networks
        self._limits = limits
        self._pictures = pictures or Loader(blobs, limits.max_pixels).load
        self._stopping = stopping
        self._clock = clock
        #: The job at hand.
        self.job_id: str | None = None
        #: The steps made so far, of all jobs.
        self.steps = 0

    def run(self, job_id: str) -> None:
        """Take the job to its final state, if it is there to be claimed.

        Raises:
            RedisUnavailable: the worker's patience ended before Redis came back.
                The job is not lost: its lease runs out, and it is queued again.
        """
        with log_context(job_id=job_id):
            if self._stopping():
                return  # the message is gone, and the reaper sends another
            try:
                job = self._store.claim(job_id)
            except NewerRecord as newer:
                self._leave(job_id, newer)
                return
            if job is None:
                _logger.info("job not claimed: it is not queued")
                return
            self.job_id = job_id
            try:
                span = job_span(
                    "job",
                    traceparent=job.traceparent,
                    job_id=job.id,
                    request_id=job.request_id,
                )
                with log_context(request_id=job.request_id), span:
                    _logger.info("job started", extra={"attempt": job.attempt})
                    self._attempt(job)
            except StaleAttempt:
                _logger.warning("job given up: another attempt has it")
            finally:
                self.job_id = None
                give_back_memory()

    def _leave(self, job_id: str, newer: NewerRecord) -> None:
        """A job that this version would do wrong: tell those who look for such jobs."""
        extra = {"schema": newer.schema, "known": SCHEMA_VERSION}
        _logger.warning("job left alone: its record is of a newer schema", extra=extra)
        self._announce(job_id, newer.schema)

    def _attempt(self, job: Job) -> None:
        checkpoints = Checkpoints(
            self._blobs, self._limits.checkpoint_seconds, self._clock, job.checkpoint
        )
        with (
            clearing_up(self._store, job, checkpoints),
            Lease(self._store, job, self._limits.stall_seconds) as lease,
        ):
            try:
                status = self._paint(job, lease, checkpoints)
            except (StaleAttempt, RedisUnavailable):
                raise
            except Exception as error:
                # The one broad except: whatever went wrong, the job must end.
                failure = failure_of(error)
                status = self._store.fail(job, failure)
                _logger.exception("job broke", extra={"code": failure.code})
        if status is JobStatus.QUEUED:
            self._queue_again(job)
        else:
            checkpoints.keep_only()
            _logger.info("job ended", extra={"status": status.value})

    def _paint(self, job: Job, lease: Lease, checkpoints: Checkpoints) -> JobStatus:
        if job.result and job.progress and job.metrics and self._is_kept(job.result):
            _logger.info("result found: an earlier attempt had finished")
            return self._store.succeed(job, job.result, job.progress, job.metrics, job.preview)
        network = self._networks.get(job.params.network)
        pace = Pace(self._clock, job.progress.fraction if job.progress else 0.0)
        memory = PeakMemory(network.device)
        pictures = self._pictures(job)
        with Painter(self._previews, job, self._clock) as painter:
            for step in self._steps(job, pictures, network):
                self.steps += 1
                if not lease.step_made():
                    return self._store.call_off(job)
                if self._stopping():
                    return self._hand_back(job, step, lease, checkpoints)
                if pace.due():
                    told, eta = pace.told(step.fraction), pace.eta(step.scale, step.fraction)
                    lease.report(progress_of(step, job.params, told, eta))
                if painter.due():
                    painter.show(step.image)
                if checkpoints.due() and (digest := checkpoints.save(step)):
                    lease.save(digest)
                    checkpoints.keep_only(*lease.checkpoints())
        metrics = Metrics(
            optimize_seconds=round(pace.elapsed(), 3),
            device=str(network.device),
            steps=step.steps,
            peak_memory_bytes=memory.peak(),
        )
        progress = progress_of(step, job.params, 1.0, 0.0)
        lease.report(progress)  # so that no older one is written from now on
        file = encode(step.pixels(), pictures.alpha, job.params.format, job.params.quality)
        return self._finish(job, file, thumbnail(step.image), progress, metrics)

    def _steps(self, job: Job, pictures: Pictures, network: VGG19) -> Iterator[Step]:
        """The run, from the checkpoint of an earlier attempt if there is a good one."""
        if job.checkpoint is not None:
            try:
                # Not named: it is as large as the run itself, which lets it go when read.
                steps = stylize(
                    pictures, job.params, network, resume=self._blobs.get(job.checkpoint)
                )
                first = next(steps)
            except (EaselError, LookupError, TypeError, ValueError) as error:
                # Damaged, or another version's: the job begins anew.
                _logger.warning("checkpoint of no use", extra={"reason": str(error)})
            else:
                _logger.info("job resumed", extra={"step": first.step})
                return chain([first], steps)
        return stylize(pictures, job.params, network)

    def _finish(
        self, job: Job, file: Encoded, small: Encoded, progress: Progress, metrics: Metrics
    ) -> JobStatus:
        _logger.info("picture finished")
        result, preview = picture_of(file), picture_of(small)
        # A note of the result, then its file, then the status. Should this worker die
        # in between, the next attempt finds the file by the note; and the status
        # never promises what is not there.
        with holding(self._store, self._blobs, job, [result.sha256, preview.sha256]):
            self._store.renew(
                job, result=result, progress=progress, metrics=metrics, preview=preview
            )
            self._blobs.put(small.data)
            self._blobs.put(file.data)
            return self._store.succeed(job, result, progress, metrics, preview)

    def _hand_back(self, job: Job, step: Step, lease: Lease, checkpoints: Checkpoints) -> JobStatus:
        digest = checkpoints.save(step)
        status = self._store.hand_back(job, **({"checkpoint": digest} if digest else {}))
        checkpoints.keep_only(*([digest] if digest else lease.checkpoints()))
        return status

    def _queue_again(self, job: Job) -> None:
        _logger.info("job handed back: the worker stops")
        self._announce(job.id, job.schema_version)

    def _announce(self, job_id: str, schema: int | str) -> None:
        try:
            self._queue.announce(job_id, first=True, schema=schema)
        except ServiceUnavailable as error:
            _logger.warning("not announced; the reaper will", extra={"reason": str(error)})

    def _is_kept(self, picture: Picture) -> bool:
        try:
            return bool(self._blobs.get(picture.sha256))
        except (BlobNotFound, BlobCorrupt):
            return False
