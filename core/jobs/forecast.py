"""When the jobs in the queue will probably be started."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Forecast:
    """The workers at one moment, as they become free."""

    at: datetime
    #: In how many seconds each worker has no job any more, the first one first.
    free_in: tuple[float, ...]
    #: What a run takes of late; None before the first has ended.
    run_seconds: float | None

    def start(self, position: int) -> datetime | None:
        """When the job with so many before it will be started, to the second.

        None where nobody can know: no worker is there, or no run has ended yet.
        """
        seconds = self.wait(position)
        if seconds is None:
            return None
        return (self.at + timedelta(seconds=seconds)).replace(microsecond=0)

    def wait(self, position: int) -> float | None:
        """Likewise, in how many seconds."""
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
    """The forecast from what was read.

    Args:
        at: when.
        workers: how many are alive.
        run_seconds: what a run takes of late.
        running: of each running job, the seconds since it was begun, and its progress.
    """
    left = sorted(_left(since, progress, run_seconds) for since, progress in running)
    idle = [0.0] * max(0, workers - len(left))
    return Forecast(at, tuple([*idle, *left][:workers]), run_seconds)


def _left(since: float, progress: str | None, run_seconds: float | None) -> float:
    """The seconds that a run still takes, by itself or else by what others took."""
    told: float | None = json.loads(progress)["eta_seconds"] if progress else None
    return told if told is not None else max(0.0, (run_seconds or 0.0) - since)
