"""Forecast of when queued jobs will start."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.jobs.work import UNKNOWN_SPEED, Speed


@dataclass(frozen=True)
class Forecast:
    """When the workers become free, as estimated at one moment."""

    at: datetime
    #: In how many seconds each worker becomes free, in ascending order.
    free_in: tuple[float, ...]
    #: The moving average of the run time; None before the first job has ended.
    run_seconds: float | None
    #: The measured pace of the workers.
    pace: Speed
    #: In how many seconds each worker has run the queued jobs that are known.
    then_free: tuple[float, ...] = ()
    #: In how many seconds each of these jobs starts, and then a job behind them.
    starts: tuple[float, ...] = ()

    def start(self, position: int) -> datetime | None:
        """Return when the job at a position of the queue will start, rounded down to the second.

        Returns:
            The time; None if there is no worker, or if no job has ended yet.
        """
        seconds = self.wait(position)
        if seconds is None:
            return None
        return (self.at + timedelta(seconds=seconds)).replace(microsecond=0)

    def wait(self, position: int) -> float | None:
        """Return the same as :meth:`start`, in seconds from ``at``."""
        if position < len(self.starts):
            return self.starts[position]
        if not self.free_in or (self.run_seconds is None and position):
            return None
        # Jobs that are not known count as average. With each round, every worker runs one of them.
        average = self.run_seconds or 0.0
        known = max(0, len(self.starts) - 1)
        rounds, rest = divmod(position - known, len(self.free_in))
        starts, _ = _starts(self.then_free or self.free_in, [average] * rest)
        return starts[-1] + rounds * average


def _starts(
    free_in: Sequence[float], run_seconds: Iterable[float]
) -> tuple[list[float], list[float]]:
    """Return when each job of a queue starts, and one behind it, and when the workers are free.

    Each job takes the next free worker.

    Args:
        free_in: in how many seconds each worker becomes free.
        run_seconds: the run time of each job, first in the queue first.
    """
    busy = list(free_in)
    heapq.heapify(busy)
    starts = busy[:1]
    for seconds in run_seconds:
        heapq.heapreplace(busy, busy[0] + seconds)
        starts.append(busy[0])
    return starts, busy


def make_forecast(
    at: datetime,
    workers: int,
    run_seconds: float | None,
    running: Sequence[tuple[float, str | None]],
    queued: Sequence[float | None] = (),
    pace: Speed = UNKNOWN_SPEED,
) -> Forecast:
    """Return the forecast.

    Args:
        at: the current time.
        workers: the number of live workers.
        run_seconds: the moving average of the run time.
        running: the seconds since the start of each running job, and its progress as JSON.
        queued: the work of each queued job, first in the queue first; None if not known.
        pace: the measured pace of the workers.
    """
    busy = sorted(_remaining(since, progress, run_seconds) for since, progress in running)
    idle = [0.0] * max(0, workers - len(busy))
    free_in = tuple([*idle, *busy][:workers])
    expected = [None if work is None else pace.seconds(round(work)) for work in queued]
    seconds = tuple(run_seconds or 0.0 if each is None else each for each in expected)
    if not free_in or (run_seconds is None and None in expected):
        return Forecast(at, free_in, run_seconds, pace)
    starts, then_free = _starts(free_in, seconds)
    return Forecast(at, free_in, run_seconds, pace, tuple(then_free), tuple(starts))


def _remaining(since: float, progress: str | None, run_seconds: float | None) -> float:
    """Return the remaining seconds of a run, by its own estimate or by the average."""
    eta: float | None = json.loads(progress)["eta_seconds"] if progress else None
    return eta if eta is not None else max(0.0, (run_seconds or 0.0) - since)
