"""The runner: takes one job from claim to final state."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial

from core.blobs.blobs import Blobs
from core.errors import StaleAttempt
from core.jobs.job import Job, Metrics
from core.jobs.status import JobStatus
from core.jobs.workers import Capacity
from core.nst import Pictures, Step, fallback_warning, stylize
from core.nst.network.devices import threads_on
from core.nst.network.rows.strips import USUAL_MEMORY
from core.nst.provenance import provenance_of
from core.pictures.provenance.record import Digests
from core.pictures.provenance.xmp import metadata_of
from core.queue.app import JobQueue
from core.runtime.logs import log_context
from core.runtime.malloc import give_back_memory
from core.runtime.tracing import job_span
from core.store.jobs import JobStore
from core.store.previews import Previews
from worker.drafting import Drafting
from worker.failures import or_fail
from worker.host.memory import PeakMemory
from worker.lease import Lease
from worker.networks import Networks
from worker.output.checkpoints import Checkpoints
from worker.output.film import Film
from worker.output.handover import Handover
from worker.output.later import Later
from worker.output.previews import PreviewSender
from worker.output.results import Painted, Results
from worker.progress import JobTime, Pace, RunLimits, progress_of
from worker.tuning import Tuning

_logger = logging.getLogger(__name__)

#: Takes a painted job to its final state.
_End = Callable[[], JobStatus]


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
        overlap: finish a job while the next one is painted. On a CPU, both would compete.
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
        overlap: bool = False,
    ) -> None:
        self._store = store
        self._handover = Handover(store, queue)
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
        self._later = Later() if overlap else None
        self._job: Job | None = None
        #: The number of steps made so far, in all jobs.
        self.steps = 0

    def run(self, job_id: str | None = None) -> None:
        """Take a job to its final state, or return if it cannot be claimed.

        With ``overlap``, the job may still be finished in a thread when this returns.

        Args:
            job_id: the job; None for the one that goes next.

        Raises:
            RedisUnavailable: Redis stayed unreachable for too long, also for the job before. No
                job is lost: its lease expires, and it is requeued.
            DeviceLost: the device failed. The same holds for the job.
        """
        if self._stopping():
            return  # the message is lost, and the reaper sends another
        if self._later:
            self._later.check()
        job = self._store.claim(job_id, self._capacity())
        if job is None:
            # Its job was cancelled, needs a larger worker, or was taken for another message.
            _logger.info("no job to start")
            return
        with log_context(job_id=job.id):
            self._job = job
            try:
                ids = {"job_id": job.id, "request_id": job.request_id}
                span = job_span("job", traceparent=job.traceparent, **ids)
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

    def wait(self) -> None:
        """Wait for the job that is finished in a thread, if there is one."""
        if self._later:
            self._later.wait()

    def abandon(self) -> bool:
        """Hand the current jobs back from another thread, with their last saved checkpoints.

        Returns:
            Whether a job was handed back. Its step still computes, and must not go on.
        """
        jobs = [self._job, self._later.job if self._later else None]
        back = [self._handover.in_the_middle(job) for job in jobs if job is not None]
        return any(back)

    def _attempt(self, job: Job) -> None:
        """Run one attempt of a claimed job, and announce the job if it is handed back."""
        _logger.info("job started", extra={"attempt": job.attempt})
        if job.draft:
            self._attempt_draft(job)
            return
        checkpoints = Checkpoints(
            self._blobs, self._limits.checkpoint_seconds, self._clock, job.id, job.checkpoint
        )
        with ExitStack() as stack:
            stack.enter_context(self._removing_checkpoints(job, checkpoints))
            stall_seconds = self._limits.stall_of(job.params.size**2)
            lease = stack.enter_context(Lease(self._store, job, stall_seconds))
            paint = partial(self._paint, job, lease, checkpoints)
            end = or_fail(
                self._store, job, lambda: self._results.succeed_with_stored(job) or paint()
            )
            later = None if isinstance(end, JobStatus) else self._later
            if later and later.takes(job):
                later.wait()
            finish = partial(self._finish, job, end, checkpoints, stack.pop_all())
        if later and later.takes(job):
            later.start(job, finish)
        else:
            finish()

    def _attempt_draft(self, job: Job) -> None:
        """Paint a draft until it rests, and announce it if it is queued."""
        with Lease(self._store, job, self._limits.stall_seconds) as lease:
            status = or_fail(self._store, job, lambda: self._paint_draft(job, lease))
        if status is JobStatus.QUEUED:
            self._handover.announce(job)

    def _paint_draft(self, job: Job, lease: Lease) -> JobStatus | None:
        network, pictures = self._networks.get(job.params.network), self._load(job)
        begin = partial(stylize, pictures, network=network, memory=self._memory())
        with PreviewSender(self._previews, job, self._clock) as previews:
            drafting = Drafting(self._store, job, begin, lease, previews, self._clock, self._stops)
            return drafting.paint()

    def _stops(self) -> bool:
        """Count a step; return whether the worker is stopping."""
        self.steps += 1
        return self._stopping()

    @contextmanager
    def _removing_checkpoints(self, job: Job, checkpoints: Checkpoints) -> Iterator[None]:
        """Remove the checkpoints of a job that was deleted."""
        try:
            yield
        except StaleAttempt:
            # If the job was not deleted, the other attempt may need the checkpoints.
            if self._results.is_deleted(job):
                checkpoints.keep_only()
                _logger.info("job was deleted; its checkpoints are removed")
            raise

    def _finish(
        self, job: Job, end: JobStatus | _End, checkpoints: Checkpoints, lease: ExitStack
    ) -> None:
        """Take a painted job to its final state, and release its lease."""
        with lease:
            status = end if isinstance(end, JobStatus) else or_fail(self._store, job, end)
        if status is JobStatus.QUEUED:
            _logger.info("job handed back: the worker is stopping")
            self._handover.announce(job)
        else:
            checkpoints.keep_only()
            _logger.info("job ended", extra={"status": status.value})

    def _paint(self, job: Job, lease: Lease, checkpoints: Checkpoints) -> JobStatus | _End:
        """Load the pictures, and paint step by step.

        The run ends early if the job was cancelled, the worker is stopping, or the time is over.

        Returns:
            What encodes and stores the picture; the job's new status if there is none to store.
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
                if not lease.step_finished():
                    return self._store.confirm_cancel(job)
                if self._stops():
                    return self._handover.after(step, job, lease, checkpoints)
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
        self._warn(job, fallback, job_time.warning(step), too_long)
        painted = Painted.of(step.image.cpu(), pictures, params, xmp, film, self._display_side)
        return partial(self._results.succeed, job, painted, progress, metrics)

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
