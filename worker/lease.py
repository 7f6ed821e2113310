"""The lease of a running job: renewed in a thread, which learns of cancellations and edits."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from core.errors import StaleAttempt
from core.jobs.job import Job, Progress
from core.runtime.ticker import Ticker
from core.store.jobs import JobStore

if TYPE_CHECKING:
    from worker.output.checkpoints import Saved

_logger = logging.getLogger(__name__)

#: The time between two renewals. Each one also writes progress and reads whether the job was
#: cancelled or edited: four times a second, however long a step takes.
RENEW_SECONDS = 0.25

#: EX_TEMPFAIL: the supervisor of the process should start it again.
_EXIT_STATUS = 75


def exit_now() -> NoReturn:
    """End this process immediately, even if its main thread hangs."""
    os._exit(_EXIT_STATUS)


class Lease:
    """Holds the lease of one job from claim to final state.

    A thread talks to Redis, so that the optimiser continues while Redis is slow or
    unreachable. The thread would also keep alive the job of an optimiser that hangs; therefore
    it ends the process when no step has finished for too long.

    Args:
        store: the job records.
        job: the job as it was claimed.
        stall_seconds: the longest that one step may take.
        clock: returns monotonic seconds.
        give_up: ends the process.
    """

    def __init__(
        self,
        store: JobStore,
        job: Job,
        stall_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        give_up: Callable[[], None] = exit_now,
    ) -> None:
        self._store = store
        self._job = job
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._give_up = give_up
        self._last_step = clock()
        self._canceled = False
        self._edited = False
        self._lost: StaleAttempt | None = None
        self._progress: Progress | None = None
        self._checkpoint = job.checkpoint
        self._checkpoint_bytes = job.checkpoint_bytes
        #: The record names one of these: the last digest whose write was confirmed, or one
        #: that was sent since.
        self._recorded = {job.checkpoint}
        self._checkpoint_lock = threading.Lock()
        self._written: tuple[Progress | None, str | None] = (None, job.checkpoint)
        self._ticker = Ticker("lease", RENEW_SECONDS, self._renew, store.background_errors.add)

    def __enter__(self) -> Lease:
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ticker.stop()
        self._ticker.join(1.0)  # the store refuses what the thread writes later

    def step_finished(self) -> bool:
        """Note that the optimiser is alive; return False if the job was cancelled.

        Raises:
            StaleAttempt: another attempt owns the job.
        """
        self._last_step = self._clock()
        if self._lost is not None:
            raise self._lost
        return not self._canceled

    def edited(self) -> bool:
        """Return whether the last renewal found an edit that waits to be taken."""
        edited, self._edited = self._edited, False
        return edited

    def report(self, progress: Progress) -> None:
        """Write the progress with the next renewal."""
        self._progress = progress

    def save(self, checkpoint: Saved) -> None:
        """Write the checkpoint's digest and size with the next renewal."""
        with self._checkpoint_lock:
            self._checkpoint, self._checkpoint_bytes = checkpoint

    def checkpoints(self) -> set[str | None]:
        """Return the digests that the record may name, now or after the next renewal."""
        with self._checkpoint_lock:
            return {*self._recorded, self._checkpoint}

    def _renew(self) -> None:
        if self._clock() - self._last_step > self._stall_seconds:
            _logger.critical("optimiser stalled; exiting", extra={"job_id": self._job.id})
            self._give_up()
        with self._checkpoint_lock:
            progress, checkpoint = self._progress, self._checkpoint
            checkpoint_bytes = self._checkpoint_bytes
            self._recorded.add(checkpoint)
        written_progress, written_checkpoint = self._written
        fields: dict[str, Progress | str] = {}
        if progress is not None and progress is not written_progress:
            fields["progress"] = progress
        if checkpoint is not None and checkpoint != written_checkpoint:
            fields |= {"checkpoint": checkpoint, "checkpoint_bytes": str(checkpoint_bytes)}
        try:
            self._canceled, self._edited = self._store.renew(self._job, **fields)
        except StaleAttempt as error:
            self._lost = error
            self._ticker.stop()
            return
        with self._checkpoint_lock:
            self._written, self._recorded = (progress, checkpoint), {checkpoint}
        if "checkpoint" in fields:
            _logger.info("checkpoint saved", extra={"job_id": self._job.id})
