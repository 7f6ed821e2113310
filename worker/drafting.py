"""Painting of a draft: anew after every change, until it rests."""

from __future__ import annotations

import math
from collections.abc import Callable

from core.jobs.job import Job
from core.jobs.status import JobStatus
from core.jobs.waiting.drafts import TURN_SECONDS
from core.nst import Run, Step
from core.params import StyleParams
from core.store.jobs import JobStore
from worker.lease import Lease
from worker.output.previews import PreviewSender
from worker.progress import Pace, progress_of


class Drafting:
    """Paints a draft as a job with its present parameters is painted.

    Args:
        store: the job records.
        job: the draft as it was claimed.
        begin: returns a new run with some parameters.
        lease: the lease of the draft.
        previews: receives the pictures.
        clock: returns monotonic seconds.
        interrupted: is called after every step; returns whether the worker is stopping.
    """

    def __init__(
        self,
        store: JobStore,
        job: Job,
        begin: Callable[[StyleParams], Run],
        lease: Lease,
        previews: PreviewSender,
        clock: Callable[[], float],
        interrupted: Callable[[], bool],
    ) -> None:
        self._store = store
        self._job = job
        self._begin = begin
        self._lease = lease
        self._previews = previews
        self._clock = clock
        self._interrupted = interrupted
        self._turn_ends = clock() + TURN_SECONDS

    def paint(self) -> JobStatus | None:
        """Paint until the draft rests.

        Returns:
            None if it rests. The new status if it was canceled; or queued again because the worker
            is stopping, because other jobs have their turn, or as the job that it has become.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        self._previews.hurry(math.inf)
        ended = self._paint_once()
        while isinstance(ended, Job):
            if self._clock() >= self._turn_ends:
                return self._store.hand_back(self._job)
            self._job = ended
            ended = self._paint_once()
        return ended

    def _paint_once(self) -> Job | JobStatus | None:
        """Paint once. Return the job if it was changed, or what :meth:`paint` returns."""
        run, pace = self._begin(self._job.params), Pace(self._clock)
        for step in run:
            if not self._lease.step_finished():
                return self._store.confirm_cancel(self._job)
            if self._interrupted():
                return self._store.hand_back(self._job)
            if self._lease.edited():
                ended = self._store.end_painting(self._job)
                if ended is not JobStatus.RUNNING:
                    return ended
            self._show(step, pace)
        # The store refuses what is sent after the draft has begun to rest.
        self._previews.send(step.image, step.next_scale)
        self._previews.wait()
        return self._store.end_painting(self._job, progress_of(step, 1.0, 0.0))

    def _show(self, step: Step, pace: Pace) -> None:
        """Report the progress, and send a preview of a scale that is done, or of the last one."""
        if pace.due():
            self._lease.report(progress_of(step, pace.fraction(step.fraction), None))
        done = step.next_scale != step.scale
        if done or (step.scale + 1 == step.scales and self._previews.due(step.next_scale)):
            self._previews.send(step.image, step.next_scale)
