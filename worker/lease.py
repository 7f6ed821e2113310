"""Keeps a running job this worker's, and hears when it is called off."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from core.errors import StaleAttempt
from core.jobs.job import Job, Progress
from core.runtime.ticker import Ticker
from core.store.jobs import JobStore

_logger = logging.getLogger(__name__)

#: How often the lease is renewed, and with it progress is written and a
#: cancellation heard: four times a second, however long a step takes.
RENEW_SECONDS = 0.25

#: The exit status of a worker that gives itself up (EX_TEMPFAIL).
GIVE_UP_STATUS = 75


def exit_now() -> NoReturn:
    """End this process, whatever its main thread hangs in."""
    os._exit(GIVE_UP_STATUS)


class Lease:
    """A thread that renews the lease of one job, from claim to final state.

    The thread talks to Redis so that the optimiser need not: steps go on while
    Redis is slow or away. A thread alone would also keep the job of an optimiser
    that hangs for ever; so it ends the process when no step is made for long.

    Args:
        store: has the record.
        job: as it was claimed.
        stall_seconds: the longest that one step may take.
        clock: monotonic seconds.
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
        self._stepped = clock()
        self._canceled = False
        self._lost: StaleAttempt | None = None
        self._progress: Progress | None = None
        self._checkpoint = job.checkpoint
        #: The digests of which the record has one: the last that was written for
        #: certain, and those that were sent since.
        self._named = {job.checkpoint}
        self._naming = threading.Lock()
        self._written: tuple[Progress | None, str | None] = (None, job.checkpoint)
        self._ticker = Ticker("lease", RENEW_SECONDS, self._tick)

    def __enter__(self) -> Lease:
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ticker.stop()
        self._ticker.join(1.0)  # what it writes after that is refused

    def step_made(self) -> bool:
        """Say that the optimiser is alive; hear whether it is to go on.

        Raises:
            StaleAttempt: the job is another attempt's now.
        """
        self._stepped = self._clock()
        if self._lost is not None:
            raise self._lost
        return not self._canceled

    def report(self, progress: Progress) -> None:
        """Have the progress written with the next renewal."""
        self._progress = progress

    def save(self, checkpoint: str) -> None:
        """Have the checkpoint's digest written with the next renewal."""
        with self._naming:
            self._checkpoint = checkpoint

    def checkpoints(self) -> set[str | None]:
        """The digests that the record may name, now or after the next renewal."""
        with self._naming:
            return {*self._named, self._checkpoint}

    def _tick(self) -> None:
        if self._clock() - self._stepped > self._stall_seconds:
            _logger.critical("no step in a long time; giving up", extra={"job_id": self._job.id})
            self._give_up()
        with self._naming:
            wanted = (self._progress, self._checkpoint)
            self._named.add(wanted[1])
        fields: dict[str, Progress | str] = {}
        if self._progress is not None and self._progress is not self._written[0]:
            fields["progress"] = self._progress
        if wanted[1] is not None and wanted[1] != self._written[1]:
            fields["checkpoint"] = wanted[1]
        try:
            self._canceled = not self._store.renew(self._job, **fields)
        except StaleAttempt as error:
            self._lost = error
            self._ticker.stop()
            return
        with self._naming:
            self._written, self._named = wanted, {wanted[1]}
        if "checkpoint" in fields:
            _logger.info("checkpoint saved", extra={"job_id": self._job.id})
