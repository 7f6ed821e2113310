"""Whether one more job is taken, and if not, why and when to ask again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.errors import FieldError, InvalidRequest, QueueFull, TooManyJobs
from core.jobs import ANONYMOUS
from core.params import MIN_SIZE
from core.workers import WorkerInfo

#: What a run takes on the CPU: so much for Python, torch and the network, and so much
#: for every pixel of the largest picture. Measured with ``python -m bench.memory``;
#: a twelfth is added to what that printed.
BASE_BYTES = 1024 * 2**20
BYTES_PER_PIXEL = 2800

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

    def check_memory(self, size: int, pixels: int) -> None:
        """Raise if no worker has the memory for a job; one that does not say may have it.

        Args:
            size: the job's, as asked for.
            pixels: of the largest of its pictures, at that size.

        Raises:
            InvalidRequest: naming the size that would fit.
        """
        known = [
            each.memory_total_bytes for each in self.workers if each.memory_total_bytes is not None
        ]
        needed = memory_needed(pixels)
        if not known or len(known) < len(self.workers) or needed <= max(known):
            return
        largest = max(known)
        fits = largest_size(size, pixels, largest)
        remedy = "no size would fit" if fits is None else f"ask for a size of at most {fits}"
        raise InvalidRequest(
            [
                FieldError(
                    "size",
                    f"{size} needs about {_gib(needed)} of memory, and the largest worker "
                    f"has {_gib(largest)}; {remedy}",
                )
            ]
        )

    def _seconds_until(self, ended: int, load: Load) -> int:
        """When so many jobs will probably have ended."""
        run_seconds = load.run_seconds or _GUESSED_RUN_SECONDS
        seconds = math.ceil(ended * run_seconds / max(1, len(self.workers)))
        return min(max(seconds, _LEAST_WAIT_SECONDS), _LONGEST_WAIT_SECONDS)


def memory_needed(pixels: int) -> int:
    """The bytes that a run takes whose largest picture has so many pixels."""
    return BASE_BYTES + pixels * BYTES_PER_PIXEL


def largest_size(size: int, pixels: int, memory: int) -> int | None:
    """The largest size at which a job fits into the memory; None if not even the smallest.

    Args:
        size: one that the job could have.
        pixels: of its largest picture at that size.
        memory: in bytes.
    """
    fitting_pixels = (memory - BASE_BYTES) / BYTES_PER_PIXEL
    if fitting_pixels <= 0:
        return None
    # Both sides shrink alike; a rounded side may be half a pixel longer than it should.
    fits = math.floor(size * math.sqrt(fitting_pixels / pixels)) - 1
    return fits if fits >= MIN_SIZE else None


def _gib(amount: int) -> str:
    return f"{amount / 2**30:.1f} GiB"
