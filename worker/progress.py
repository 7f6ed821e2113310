"""Progress of a run: when to report it, the fraction done, the time left, and the time limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import TimeLimit
from core.jobs.job import Job, Loss, Progress
from core.nst import Step

#: At most four reports a second, however fast the steps are.
INTERVAL_SECONDS = 0.25

#: The pixels of the largest pictures for which the limit of a step is meant: 2048 x 2048.
_USUAL_PIXELS = 2**22

#: The part of the work that must be done at a scale before its own pace is used.
_MIN_FRACTION = 0.01


class Pace:
    """Decides when progress is reported, and estimates the time left.

    The time before the first step and the preparation of each scale are not extrapolated. The
    estimate uses the pace of the current scale, because the work that is left is at this scale
    and at larger ones.

    Args:
        clock: returns monotonic seconds.
        reported: the last fraction that an earlier attempt reported.
    """

    def __init__(self, clock: Callable[[], float], reported: float = 0.0) -> None:
        self._clock = clock
        self._reported = self._latest = reported
        self._started = clock()
        self._last_report: float | None = None
        self._first_fraction: float | None = None
        self._scale: int | None = None
        #: The time and the fraction when the first step at this scale was seen.
        self._scale_start = (0.0, 0.0)
        #: What the whole work would take at the last known pace.
        self._total_seconds: float | None = None

    def due(self) -> bool:
        """Return whether to report progress now; if so, start the next interval."""
        now = self._clock()
        if self._last_report is not None and now - self._last_report < INTERVAL_SECONDS:
            return False
        self._last_report = now
        return True

    def elapsed(self) -> float:
        """Return the seconds since the run began."""
        return self._clock() - self._started

    def fraction(self, done: float) -> float:
        """Return the fraction to report, which never falls.

        An attempt may continue behind the reported fraction: its checkpoint is older, or it
        starts over. Until its end, the reported fraction then rises more slowly than the
        work done.

        Args:
            done: the fraction of the whole work that is done, 0 to 1.
        """
        if self._first_fraction is None:
            self._first_fraction = done
        first = self._first_fraction
        start = max(self._reported, first)
        rest = (1 - start) * (done - first) / (1 - first) if first < 1 else 0.0
        self._latest = start + rest
        return self._latest

    def plan_changed(self) -> None:
        """Note that the fractions of the work have a new meaning from now on."""
        self._reported = self._latest
        self._first_fraction = self._scale = self._total_seconds = None

    def eta(self, scale: int, done: float) -> float | None:
        """Return the estimated seconds left; None until the pace is known.

        Args:
            scale: the number of the current scale.
            done: the fraction of the whole work that is done, 0 to 1.
        """
        now = self._clock()
        if scale != self._scale:
            self._scale, self._scale_start = scale, (now, done)
        start_time, start_fraction = self._scale_start
        fraction = done - start_fraction
        if fraction > 0 and (fraction >= _MIN_FRACTION or self._total_seconds is None):
            self._total_seconds = (now - start_time) / fraction
        return None if self._total_seconds is None else self._total_seconds * (1 - done)


def progress_of(step: Step, fraction: float, eta_seconds: float | None) -> Progress:
    """Return the progress to write into the job's record. Waits for the device.

    Args:
        step: the last finished step.
        fraction: the fraction to report, 0 to 1.
        eta_seconds: the estimated seconds left, if known.
    """
    total, content, style, tv = (float(term) for term in step.loss)
    return Progress(
        step=step.step,
        steps=step.steps,
        fraction=round(fraction, 4),
        scale=step.scale,
        scales=step.scales,
        width=step.width,
        height=step.height,
        loss=Loss(total=total, content=content, style=style, tv=tv),
        eta_seconds=None if eta_seconds is None else round(eta_seconds, 1),
    )


class Rate:
    """The rate at which a count grows, between two updates.

    Args:
        clock: returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._count = 0
        self._updated = clock()

    def update(self, count: int) -> float:
        """Return the growth per second since the last update."""
        now = self._clock()
        rate = (count - self._count) / (now - self._updated) if now > self._updated else 0.0
        self._count, self._updated = count, now
        return round(rate, 3)


@dataclass(frozen=True)
class RunLimits:
    """Time limits of a run."""

    #: The time between two checkpoints.
    checkpoint_seconds: float
    #: The longest that one step may take.
    stall_seconds: float
    #: The longest that a job may run, over all attempts.
    job_seconds: float = 86_400

    def stall_of(self, pixels: int) -> float:
        """Return the longest that one step of a job may take, in seconds.

        Args:
            pixels: at most those of the job's result. A step and what is computed before the first
                one take longer in proportion.
        """
        return self.stall_seconds * max(1.0, pixels / _USUAL_PIXELS)


class JobTime:
    """The end of the time of a run.

    Args:
        seconds: how long the run may take.
        clock: returns monotonic seconds.
        spent: how many of the seconds are over.
    """

    def __init__(self, seconds: float, clock: Callable[[], float], spent: float = 0.0) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds - spent

    @classmethod
    def of(cls, job: Job, job_seconds: float, clock: Callable[[], float]) -> JobTime:
        """Return the end of the time of a job, counted from its first start.

        Args:
            job: the job as it was claimed. Its own ``max_seconds`` may be shorter than the limit.
            job_seconds: the limit of the deployment.
            clock: returns monotonic seconds.
        """
        # An earlier attempt may have run on another host, whose clock need not agree with this one.
        earlier = 0.0
        if job.started_at is not None and job.claimed_at is not None:
            earlier = (job.claimed_at - job.started_at).total_seconds()
        return cls(min(job_seconds, job.max_seconds or job_seconds), clock, max(0.0, earlier))

    def ends_with(self, step: Step) -> bool:
        """Return whether the time is over and the picture of the step is the result.

        Raises:
            TimeLimit: the time is over before the final scale, so no picture has the size.
        """
        if self._clock() < self._end:
            return False
        if step.scale + 1 < step.scales:
            raise TimeLimit(
                f"the job did not reach the requested size within {self._seconds:g} seconds; use a "
                "smaller size, fewer steps, or more max_seconds"
            )
        return True

    def warning(self, last: Step) -> str | None:
        """Return the warning about a run that ended with this step before its work was done."""
        if last.fraction >= 1:
            return None
        return f"the job was ended by its time limit of {self._seconds:g} s"
