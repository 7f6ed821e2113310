"""The cores of the host, which a job shares with the others that run there."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.jobs.sharing import threads_for_job
from core.nst import limit_threads
from core.runtime.openmp import considerate
from core.runtime.resources import cores
from core.runtime.slots import Slots
from core.settings.model import Settings

_logger = logging.getLogger(__name__)


class SharedCores:
    """Gives each job its share of the cores, and counts it while it runs.

    Args:
        slots: counts the jobs on this host; None if they cannot be counted.
        waiting: returns the number of jobs that wait for a worker.
        workers: how many jobs this deployment runs on this host at most.
        others: returns the cores that other processes keep busy.
    """

    def __init__(
        self,
        slots: Slots | None,
        waiting: Callable[[], int] = lambda: 0,
        workers: int = 1,
        others: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._slots = slots
        self._waiting = waiting
        self._workers = workers
        self._others = others

    @contextmanager
    def job(self) -> Iterator[None]:
        """Compute with the threads that a job gets, which starts now and ends with the block."""
        if self._slots is not None:
            self._slots.take()
        try:
            threads = limit_threads(
                threads_for_job(
                    cores(),
                    running=self.running(),
                    waiting=self._waiting(),
                    workers=self._workers,
                    others=self._others(),
                )
            )
            with considerate(lambda: self._others() - (cores() - threads)):
                yield
        finally:
            if self._slots is not None:
                self._slots.release()

    def running(self) -> int:
        """Return the number of jobs that run on this host, as far as they can be counted."""
        return 1 if self._slots is None else self._slots.count()


def open_slots(settings: Settings) -> Slots | None:
    """Return the jobs of this user on this host, also those of other deployments.

    Returns:
        None if the file that counts them cannot be used, which is logged.
    """
    if not hasattr(os, "fork"):
        return None  # Windows has no such locks
    file: Path | None = None
    try:
        file = settings.runtime_dir / "running-jobs"
        return Slots(file)
    except OSError as error:
        _logger.warning(
            "jobs of other processes are not counted; set XDG_RUNTIME_DIR to a folder of your own",
            extra={"file": str(file), "reason": str(error)},
        )
        return None
