"""Whether one more job is taken, and if not, why and when to ask again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.errors import FieldError, InvalidRequest, QueueFull, TooManyJobs
from core.jobs.footprint import footprint
from core.jobs.job import ANONYMOUS
from core.jobs.workers import WorkerInfo
from core.params import StyleParams

#: How long a run takes, as long as none has ended.
_GUESSED_RUN_SECONDS = 10.0

_LEAST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1, 300


@dataclass(frozen=True)
class Load:
    """How busy the service is."""

    #: How many jobs wait for a worker.
    queued: int
    #: How many of the caller's jobs wait or run.
    unfinished: int
    #: What a run takes of late; None before the first has ended.
    run_seconds: float | None


@dataclass(frozen=True)
class Admission:
    """On what terms a caller's job is taken."""

    #: What the limits count by.
    caller: str
    max_queue: int
    max_jobs_per_caller: int
    #: Those that are alive.
    workers: tuple[WorkerInfo, ...] = ()
    #: Whose the job will be.
    owner: str = ANONYMOUS

    def check_load(self, load: Load) -> None:
        """Raise unless there is room for one more job.

        Raises:
            QueueFull: too many jobs wait.
            TooManyJobs: the caller has too many that wait or run.
        """
        over = load.unfinished - self.max_jobs_per_caller + 1
        if over > 0:
            raise TooManyJobs(
                f"{load.unfinished} of your jobs are unfinished, and "
                f"{self.max_jobs_per_caller} are allowed; wait until one ends, or cancel one",
                retry_after=self._seconds_until(over, load),
            )
        over = load.queued - self.max_queue + 1
        if over > 0:
            raise QueueFull(
                f"{load.queued} jobs wait already, and {self.max_queue} are allowed",
                retry_after=self._seconds_until(over, load),
            )

    def check_memory(self, params: StyleParams, pixels: int) -> None:
        """Raise if no worker has the memory for a job; one that does not say may have it.

        Args:
            params: the job's.
            pixels: of the largest of its pictures, at its size.

        Raises:
            InvalidRequest: naming the size that would fit.
        """
        rooms = [
            (each.memory_total_bytes, footprint(params, each.precision))
            for each in self.workers
            if each.memory_total_bytes is not None
        ]
        if not rooms or len(rooms) < len(self.workers):
            return
        if any(taken.needed(pixels) <= memory for memory, taken in rooms):
            return
        fits, memory, taken = max(
            (taken.largest_size(params.size, pixels, memory) or 0, memory, taken)
            for memory, taken in rooms
        )
        remedy = f"ask for a size of at most {fits}" if fits else "no size would fit"
        raise InvalidRequest(
            [
                FieldError(
                    "size",
                    f"{params.size} needs about {_gib(taken.needed(pixels))} of memory, and the "
                    f"largest worker has {_gib(memory)}; {remedy}",
                )
            ]
        )

    def memory_needed(self, params: StyleParams, pixels: int) -> int:
        """The bytes that a run takes on whichever worker it comes to, at most."""
        precisions = {each.precision for each in self.workers} or {None}
        return max(footprint(params, each).needed(pixels) for each in precisions)

    def _seconds_until(self, ended: int, load: Load) -> int:
        """When so many jobs will probably have ended."""
        run_seconds = load.run_seconds or _GUESSED_RUN_SECONDS
        seconds = math.ceil(ended * run_seconds / max(1, len(self.workers)))
        return min(max(seconds, _LEAST_WAIT_SECONDS), _LONGEST_WAIT_SECONDS)


def _gib(amount: int) -> str:
    return f"{amount / 2**30:.1f} GiB"
