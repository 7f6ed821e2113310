"""The runner: takes one job from claim to final state."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from core.blobs.blobs import Blobs
from core.errors import (
    RedisUnavailable,
    ServiceUnavailable,
    StaleAttempt,
)
from core.jobs.job import Job, Metrics
from core.jobs.status import JobStatus
from core.jobs.workers import Capacity
from core.nst import Pictures, Step, fallback_warning
from core.nst.network.cuda.errors import is_device_lost
from core.nst.network.devices import threads_on
from core.nst.network.rows.strips import USUAL_MEMORY
from core.nst.provenance import provenance_of
from core.pictures.encode import encode
from core.pictures.provenance.record import Digests
from core.pictures.provenance.xmp import metadata_of
from core.queue.app import JobQueue
from core.runtime.logs import log_context
from core.runtime.malloc import give_back_memory
from core.runtime.tracing import job_span
from core.store.jobs import JobStore
from core.store.previews import Previews
from worker.failures import DeviceLost, failure_of
from worker.host.memory import PeakMemory
from worker.lease import Lease
from worker.networks import Networks
from worker.output.checkpoints import Checkpoints
from worker.output.film import Film
from worker.output.previews import PreviewSender, copies_of
from worker.output.results import Results
from worker.progress import JobTime, Pace, RunLimits, progress_of
from worker.tuning import Tuning

_logger = logging.getLogger(__name__)


class Runner:
    """Runs jobs, one at a time.

    Args:
        store: the job records.
        queue: announces jobs that are handed back.
        blobs: the files of jobs: checkpoints, results and previews.
        previews: receives previews of the running job.
        networks: the networks, and with them the device.
        load: returns the decoded pictures of a job.
        limits: time limits of a run.
        stopping: returns whether the worker is shutting down.
        capacity: returns which jobs the worker can run.
        share_cores: is entered while a job runs, and decides with how many threads.
        clock: returns monotonic seconds.
        memory: returns the memory that a job may use, in bytes.
        display_side: the longest side of a result that pages show as it is, in pixels.
        film_frames: how many pictures of a run are kept for its film.
    """

    def __init__(
        self,
        store: JobStore,
        queue: JobQueue,
        blobs: Blobs,
        previews: Previews,
        networks: Networks,
        load: Callable[[Job], Pictures],
        limits: RunLimits,
        stopping: Callable[[], bool] = lambda: False,
        capacity: Callable[[], Capacity] = Capacity,
        share_cores: Callable[[], AbstractContextManager[None]] = nullcontext,
        clock: Callable[[], float] = time.monotonic,
        memory: Callable[[], int] = lambda: USUAL_MEMORY,
        display_side: int = 2048,
        film_frames: int = 0,
    ) -> None:
        self._store = store
        self._queue = queue
        self._blobs = blobs
        self._results = Results(store, blobs)
        self._previews = previews
        self._networks = networks
        self._load = load
        self._limits = limits
        self._stopping = stopping
        self._capacity = capacity
        self._memory = memory
        self._share_cores = share_cores
        self._clock = clock
        self._display_side = display_side
        self._film_frames = film_frames
        self._job: Job | None = None
        #: The number of steps made so far, in all jobs.
        self.steps = 0

    def run(self, job_id: str | None = None) -> None:
        """Take a job to its final state, or return if it cannot be claimed.

        Args:
            job_id: the job; None for the one that goes next.

        Raises:
            RedisUnavailable: Redis stayed unreachable for too long. The job is not lost: its
                lease expires, and it is requeued.
            DeviceLost: the device failed. The same holds for the job.
        """
        if self._stopping():
            return  # the message is lost, and the reaper sends another
        job = self._store.claim(job_id, self._capacity())
        if job is None:
            # Its job was cancelled, needs a larger worker, or was taken for another message.
            _logger.info("no job to start")
            return
        with log_context(job_id=job.id):
            self._job = job
            try:
                span = job_span(
                    "job",
                    traceparent=job.traceparent,
                    job_id=job.id,
                    request_id=job.request_id,
                )
                with log_context(request_id=job.request_id), span, self._share_cores():
                    self._attempt(job)
            except StaleAttempt:
                _logger.warning("job abandoned: another attempt owns it")
            finally:
                self._job = None
                give_back_memory()

    @property
    def job_id(self) -> str | None:
        """The id of the current job."""
        return None if self._job is None else self._job.id

    def abandon(self) -> bool:
        """Hand the current job back from another thread, with its last saved checkpoint.

        Returns:
            Whether a job was handed back. Its step still computes, and must not go on.
        """
        job = self._job
        if job is None:
            return False
        try:
            status = self._store.hand_back(job)
        except (StaleAttempt, ServiceUnavailable):
            return False  # it has just ended, or its lease will
        _logger.warning("job handed back in the middle of a step", extra={"job_id": job.id})
        if status is JobStatus.QUEUED:
            self._announce(job.id, job.schema_version)
        return True

    def _attempt(self, job: Job) -> None:
        """Run one attempt of a claimed job, and announce the job if it is handed back."""
        _logger.info("job started", extra={"attempt": job.attempt})
        checkpoints = Checkpoints(
            self._blobs, self._limits.checkpoint_seconds, self._clock, job.id, job.checkpoint
        )
        try:
            with Lease(self._store, job, self._limits.stall_of(job.params.size**2)) as lease:
                status = self._paint_or_fail(job, lease, checkpoints)
        except StaleAttempt:
            # If the job was not deleted, the other attempt may need the checkpoints.
            if self._results.is_deleted(job):
                checkpoints.keep_only()
                _logger.info("job was deleted; its checkpoints are removed")
            raise
        if status is JobStatus.QUEUED:
            _logger.info("job handed back: the worker is stopping")
            self._announce(job.id, job.schema_version)
        else:
            checkpoints.keep_only()
            _logger.info("job ended", extra={"status": status.value})

    def _paint_or_fail(self, job: Job, lease: Lease, checkpoints: Checkpoints) -> JobStatus:
        """Paint the picture unless that is done, and return the job's new status."""
        try:
            earlier = self._results.succeed_with_stored(job)
            return earlier or self._paint(job, lease, checkpoints)
        except (StaleAttempt, RedisUnavailable):
            raise
        except Exception as error:
            if is_device_lost(error):
                raise DeviceLost(job.id, str(error)) from error
            # Whatever else goes wrong, the job must end.
            failure = failure_of(error)
            status = self._store.fail(job, failure)
            _logger.exception("job failed", extra={"code": failure.code})
            return status

    def _paint(self, job: Job, lease: Lease, checkpoints: Checkpoints) -> JobStatus:
        """Load the pictures, paint step by step, and store the result.

        The run ends early if the job was cancelled, the worker is stopping, or the time is over.
        """
        network = self._networks.get(job.params.network)
        fallback = fallback_warning(job.params.precision, network.device)
        self._warn(job, fallback)
        pace = Pace(self._clock, job.progress.fraction if job.progress else 0.0)
        job_time = JobTime.of(job, self._limits.job_seconds, self._clock)
        memory = PeakMemory(network.device)
        pictures = self._load(job)
        run, steps = checkpoints.resume(pictures, job, network, self._memory())
        tuning = Tuning(self._store, job, run, steps)
        film = Film(self._film_frames)
        with PreviewSender(self._previews, job, self._clock) as previews, film:
            for step in tuning.steps():
                self.steps += 1
                if not lease.step_finished():
                    return self._store.confirm_cancel(job)
                if self._stopping():
                    return self._hand_back(job, step, lease, checkpoints)
                if job_time.ends_with(step):
                    tuning.close(step)
                    break
                if tuning.may_take(step) and lease.edited() and tuning.take(step):
                    pace.plan_changed()
                    previews.hurry()
                    continue
                self._report(step, pace, lease)
                if previews.due(step.next_scale):
                    previews.send(step.image, step.next_scale)
                if film.due(step.fraction):
                    film.add(step.image, step.fraction)
                self._save(step, lease, checkpoints)
        metrics = Metrics(
            optimize_seconds=round(pace.elapsed(), 3),
            device=str(network.device),
            steps=step.steps,
            peak_memory_bytes=memory.peak(),
            threads=threads_on(network.device),
        )
        progress = progress_of(step, pace.fraction(step.fraction), 0.0)
        lease.report(progress)  # so that the lease writes no older progress from now on
        params = run.params
        made = provenance_of(run, step, job.params, network, Digests.of(job.inputs))
        xmp, too_long = metadata_of(made, params)
        copies = copies_of(step.image, pictures.alpha, params.format, self._display_side)
        copies |= film.frames(copies["preview"])
        result = encode(step.pixels(), pictures.alpha, params.format, params.quality, xmp)
        self._warn(job, fallback, job_time.warning(step), too_long)
        return self._results.succeed(job, {**copies, "result": result}, progress, metrics)

    def _report(self, step: Step, pace: Pace, lease: Lease) -> None:
        if pace.due():
            fraction = pace.fraction(step.fraction)
            lease.report(progress_of(step, fraction, pace.eta(step.scale, step.fraction)))

    def _save(self, step: Step, lease: Lease, checkpoints: Checkpoints) -> None:
        if checkpoints.due() and (saved := checkpoints.save(step)):
            lease.save(saved)
            checkpoints.keep_only(*lease.checkpoints())

    def _warn(self, job: Job, *warnings: str | None) -> None:
        """Add all warnings of this attempt to the job, except those of an earlier attempt."""
        new = [each for each in warnings if each and each not in job.warnings]
        if new:
            self._store.renew(job, warnings=json.dumps([*job.warnings, *new]))

    def _hand_back(self, job: Job, step: Step, lease: Lease, checkpoints: Checkpoints) -> JobStatus:
        """Save the run and requeue the job, without using an attempt."""
        saved = checkpoints.save(step)
        if saved is None:
            status = self._store.hand_back(job)
            checkpoints.keep_only(*lease.checkpoints())
            return status
        status = self._store.hand_back(
            job, checkpoint=saved.digest, checkpoint_bytes=str(saved.size_bytes)
        )
        checkpoints.keep_only(saved.digest)
        return status

    def _announce(self, job_id: str, schema: int | str) -> None:
        try:
            self._queue.announce(job_id, schema=schema)
        except ServiceUnavailable as error:
            _logger.warning("job left to the reaper to announce", extra={"reason": str(error)})
