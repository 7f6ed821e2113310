"""Taking the edits of a running job."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from core.jobs.job import Job
from core.nst import Run, Step
from core.store.jobs import JobStore

_logger = logging.getLogger(__name__)


class Tuning:
    """Takes the edits of a job between two steps of its run.

    The record says after which step an edit takes effect before that step is made. So the next
    attempt makes the same edits at the same steps, whenever this one dies.

    Args:
        store: the job records.
        job: the job as it was claimed.
        run: its run.
        steps: the steps of the run.
    """

    def __init__(self, store: JobStore, job: Job, run: Run, steps: Iterator[Step]) -> None:
        self._store = store
        self._job = job
        self._run = run
        self._steps = steps
        taken = [edit.step for edit in job.edits if edit.step is not None]
        #: The last step that callers have seen. An attempt without its checkpoint is behind it.
        seen = job.progress.step if job.progress else 0
        #: The edits that the run knows, and the step from which it takes more.
        self._known, self._from_step = len(taken), max([*taken, seen])

    def steps(self) -> Iterator[Step]:
        """Yield the steps of the run. After the last one, the job takes no more edits."""
        while True:
            for step in self._steps:
                yield step
            _logger.info("last step made", extra={"step": step.step})
            if not self.take(step, last=True):
                return
            self._steps = self._run  # the edit may have added steps

    def close(self, step: Step) -> None:
        """Take no more edits, although the run was not at its end. Those that wait are too late."""
        while self.take(step, last=True):
            pass

    def may_take(self, step: Step) -> bool:
        """Return whether edits may be taken after a step.

        Earlier ones are made again first. A picture is finished at the earliest as callers have
        seen it; at the start there is none.
        """
        return step.step >= max(1, self._from_step)

    def take(self, step: Step, *, last: bool = False) -> bool:
        """Take the edits that wait, and return whether there were any.

        Args:
            step: the last step.
            last: whether the run ends with it. If no edit waits, the job then takes no more.

        Raises:
            StaleAttempt: the attempt no longer owns the job.
        """
        edits = self._store.take_edits(self._job, step.step, last=last)
        new, self._known = edits[self._known :], len(edits)
        for edit in new:
            self._run.edit(edit)
            _logger.info("job edited", extra={"step": step.step, "params": edit.params})
        if new:
            self._from_step = step.step
        return bool(new)
