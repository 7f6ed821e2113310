"""Forecast of when queued jobs will start."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Forecast:
    """When the workers become free, as estimated at one moment."""

    at: datetime
    #: In how many seconds each worker becomes free, in ascending order.
    free_in: tuple[float, ...]
    #: The moving average of the run time; None before the first job has ended.
    run_seconds: float | None

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
        if not self.free_in or (self.run_seconds is None and position):
            return None
        rounds, worker = divmod(position, len(self.free_in))
        return self.free_in[worker] + rounds * (self.run_seconds or 0.0)


def make_forecast(
    at: datetime,
    workers: int,
    run_seconds: float | None,
    running: Sequence[tuple[float, str | None]],
) -> Forecast:
    """Return the forecast.

    Args:
        at: the current time.
        workers: the number of live workers.
        run_seconds: the moving average of the run time.
        running: the seconds since the start of each running job, and its progress as JSON.
    """
    busy = sorted(_remaining(since, progress, run_seconds) for since, progress in running)
    idle = [0.0] * max(0, workers - len(busy))
    return Forecast(at, tuple([*idle, *busy][:workers]), run_seconds)


def _remaining(since: float, progress: str | None, run_seconds: float | None) -> float:
    """Return the remaining seconds of a run, by its own estimate or by the average."""
    eta: float | None = json.loads(progress)["eta_seconds"] if progress else None
    return eta if eta is not None else max(0.0, (run_seconds or 0.0) - since)
