"""One job, from claim to final state."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import torch

from core.blobs import Blobs
from core.encoding import Encoded, encode
from core.errors import EaselError, StaleAttempt
from core.jobs import Failure, Job, JobStatus, Loss, Metrics, Picture, Progress
from core.logs import log_context
from core.nst import Step, stylize
from core.store import JobStore
from core.uploads import Uploads
from worker.networks import Networks
from worker.progress import Pace

_logger = logging.getLogger(__name__)


class Runner:
    """Runs jobs, one at a time.

    Args:
        store: has the records.
        blobs: has the pictures.
        networks: has the networks, and with them the device.
        max_pixels: the bound that uploads were accepted with.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        store: JobStore,
        blobs: Blobs,
        networks: Networks,
        max_pixels: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._networks = networks
        self._max_pixels = max_pixels
        self._clock = clock

    def run(self, job_id: str) -> None:
        """Take the job to its final state, if it is there to be claimed."""
        with log_context(job_id=job_id):
            job = self._store.claim(job_id)
            if job is None:
                _logger.info("job not claimed: it is not queued")
                return
            _logger.info("job started", extra={"attempt": job.attempt})
            try:
                self._paint(job)
                _logger.info("job ended", extra={"status": JobStatus.SUCCEEDED.value})
            except StaleAttempt:
                _logger.warning("job given up: another attempt has it")
            except Exception as error:
                # The one broad except: whatever went wrong, the job must end.
                failure = failure_of(error)
                self._store.fail(job, failure)
                _logger.exception(
                    "job ended", extra={"status": JobStatus.FAILED.value, "code": failure.code}
                )

    def _paint(self, job: Job) -> None:
        network = self._networks.get(job.params.network)
        pace = Pace(self._clock)
        pictures = Uploads.fetch(job.inputs, self._blobs.get).load(self._max_pixels)
        steps = stylize(pictures, job.params, network)
        last = self._watch(job, steps, pace)
        file = encode(last.pixels(), pictures.alpha, job.params.format, job.params.quality)
        # The file first, then the record: a record must never promise what is not there.
        result = self._keep(file)
        metrics = Metrics(optimize_seconds=round(pace.elapsed(), 3), device=str(network.device))
        self._store.succeed(job, result, progress_of(last, 0.0), metrics)

    def _watch(self, job: Job, steps: Iterator[Step], pace: Pace) -> Step:
        last = next(steps)
        for last in steps:
            if pace.due():
                progress = progress_of(last, pace.eta(last.fraction))
                self._store.write_progress(job, progress)
        return last

    def _keep(self, file: Encoded) -> Picture:
        return Picture(
            sha256=self._blobs.put(file.data),
            media_type=file.media_type,
            size_bytes=len(file.data),
        )


def progress_of(step: Step, eta_seconds: float | None) -> Progress:
    """What a step's record tells the caller. Waits for the device."""
    return Progress(
        step=step.step,
        steps=step.steps,
        fraction=round(step.fraction, 4),
        scale=step.scale,
        scales=step.scales,
        width=step.width,
        height=step.height,
        loss=Loss(
            total=float(step.loss.total),
            content=float(step.loss.content),
            style=float(step.loss.style),
            tv=float(step.loss.tv),
        ),
        eta_seconds=None if eta_seconds is None else round(eta_seconds, 1),
    )


def failure_of(error: Exception) -> Failure:
    """What the caller is told of an error. Internals stay in the log."""
    if isinstance(error, EaselError):
        return Failure(code=error.code, message=str(error), retryable=error.retryable)
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return Failure(
            code="out_of_memory",
            message="the picture does not fit into the worker's memory; ask for a smaller size",
            retryable=False,
        )
    return Failure(
        code=EaselError.code,
        message="an unexpected error, which the worker has logged with the job's id",
        retryable=True,
    )
