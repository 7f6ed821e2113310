"""Admission: whether the service accepts one more job, and if not, when to try again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.errors import FieldError, InvalidRequest, QueueFull, StorageQuotaExceeded, TooManyJobs
from core.jobs.footprint import footprint
from core.jobs.job import ANONYMOUS
from core.jobs.pictures import JobPictures
from core.jobs.workers import WorkerInfo
from core.params import StyleParams

#: The assumed run time before the first job has ended.
_DEFAULT_RUN_SECONDS = 10.0

#: More bytes than any blob store has.
_NO_QUOTA = 2**50

_MIN_RETRY_SECONDS, _MAX_RETRY_SECONDS = 1, 300


@dataclass(frozen=True)
class Load:
    """The load of the service."""

    #: The number of queued jobs.
    queued: int
    #: The number of the caller's jobs that are queued or running.
    unfinished: int
    #: The moving average of the run time; None before the first job has ended.
    run_seconds: float | None
    #: The bytes of the files of the caller's jobs.
    stored_bytes: int = 0


@dataclass(frozen=True)
class Admission:
    """The limits for a job, and the workers that could run it."""

    #: The identity that the limits apply to.
    caller: str
    max_queue: int
    max_jobs_per_caller: int
    #: The live workers.
    workers: tuple[WorkerInfo, ...] = ()
    #: The owner of the job.
    owner: str = ANONYMOUS
    max_stored_bytes_per_caller: int = _NO_QUOTA

    def check_load(self, load: Load, upload_bytes: int = 1, jobs: int = 1) -> None:
        """Check that there is room for one more job, or for all jobs of a batch.

        Args:
            load: the load of the service.
            upload_bytes: the bytes of the pictures of the jobs; at least 1 if they are not known.
            jobs: the number of new jobs.

        Raises:
            InvalidRequest: the batch has more jobs than may ever wait together.
            QueueFull: too many jobs are queued.
            TooManyJobs: too many of the caller's jobs are queued or running.
            StorageQuotaExceeded: the files of the caller's jobs take too much storage.
        """
        most = min(self.max_jobs_per_caller, self.max_queue)
        if jobs > 1 and jobs > most:
            message = (
                f"makes {jobs} jobs, and this server allows at most {most}; send fewer pictures"
            )
            raise InvalidRequest([FieldError("content", message)])
        over = load.unfinished + jobs - self.max_jobs_per_caller
        if over > 0:
            remedy = "wait until one ends, or cancel one"
            if jobs > 1:
                remedy = "send a smaller batch, or wait until jobs end"
            raise TooManyJobs(
                f"{load.unfinished} of your jobs are unfinished, and at most "
                f"{self.max_jobs_per_caller} are allowed{_with(jobs)}; {remedy}",
                retry_after=self._seconds_until(over, load),
            )
        over = load.queued + jobs - self.max_queue
        if over > 0:
            raise QueueFull(
                f"{load.queued} jobs are queued already, and at most {self.max_queue} are allowed"
                f"{_with(jobs)}",
                retry_after=self._seconds_until(over, load),
            )

        if load.stored_bytes + upload_bytes > self.max_stored_bytes_per_caller:
            raise StorageQuotaExceeded(
                f"your jobs hold {load.stored_bytes} bytes of files, and at most "
                f"{self.max_stored_bytes_per_caller} bytes are allowed, with the pictures of "
                f"{'a new job' if jobs == 1 else f'the {jobs} new jobs'}; delete jobs that you do "
                "not need, or wait until their files expire"
            )

    def check_memory(self, params: StyleParams, pictures: JobPictures) -> None:
        """Check that a worker has enough memory for a job, or does not report its memory.

        Args:
            params: the parameters of the job.
            pictures: its pictures.

        Raises:
            InvalidRequest: no worker has enough memory. The message names a size that fits.
        """
        known = [
            (each.memory_total_bytes, footprint(params, each.precision, pictures))
            for each in self.workers
            if each.memory_total_bytes is not None
        ]
        if not known or len(known) < len(self.workers):
            return
        pixels = pictures.largest
        if any(usage.needed(pixels) <= memory for memory, usage in known):
            return
        largest, memory, usage = max(
            (usage.largest_size(params.size, pixels, memory) or 0, memory, usage)
            for memory, usage in known
        )
        remedy = (
            f"use a size of at most {largest}"
            if largest
            else "no size fits; send fewer or smaller pictures"
        )
        raise InvalidRequest(
            [
                FieldError(
                    "size",
                    f"{params.size} needs about {_gib(usage.needed(pixels))} of memory, and the "
                    f"largest worker has {_gib(memory)}; {remedy}",
                )
            ]
        )

    def memory_needed(self, params: StyleParams, pictures: JobPictures) -> int:
        """Return the maximum memory of a run on any worker, in bytes."""
        precisions = {each.precision for each in self.workers} or {None}
        return max(
            footprint(params, each, pictures).needed(pictures.largest) for each in precisions
        )

    def _seconds_until(self, count: int, load: Load) -> int:
        """Return in how many seconds that many jobs will probably have ended."""
        run_seconds = load.run_seconds or _DEFAULT_RUN_SECONDS
        seconds = math.ceil(count * run_seconds / max(1, len(self.workers)))
        return min(max(seconds, _MIN_RETRY_SECONDS), _MAX_RETRY_SECONDS)


def _with(jobs: int) -> str:
    return "" if jobs == 1 else f", with the {jobs} of this batch"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
