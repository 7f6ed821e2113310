"""How well starts are estimated in a simulated day: ``python -m bench.fleet.day``.

A day of posts is simulated: callers of whom some post far more than others, single jobs and
batches, more posts in the afternoon than the workers can serve at once. Run times scatter around
the work of a job, and so do the estimates of running jobs. The forecast is the real one
(``core.jobs.waiting.forecast``), and so are the work of a job and its pace; the turns of the
callers follow ``core/store/lua/lib/queue/turns.lua``.

An estimate is made when a job is posted, and is right if the wait that it promises differs from
the job's by at most a quarter of that, or by two seconds, within which clients poll. One job in
ten has one.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.jobs.pictures import JobPictures
from core.jobs.waiting.forecast import make_forecast
from core.jobs.work import Speed, work_of
from core.params import Preset, StyleParams
from tests.conftest import some_progress

_DAY = 86_400
_MORNING = datetime(2026, 12, 1, tzinfo=UTC)
_CALLERS = 200
#: The seconds that a unit of work takes: a picture of 256 pixels takes 7 s.
_PACE = 1.0e-6
#: The weight of the last run in the moving averages, as in the store.
_LAST = 0.1
#: The standard deviation of the logarithm of a run time, and of what a run estimates of its rest.
_SCATTER, _ETA_SCATTER = 0.1, 0.05
_RIGHT_WITHIN, _RIGHT_SECONDS = 0.25, 2.0
_ESTIMATED = 0.1

_JOBS = [
    (StyleParams.model_validate({"preset": preset, "size": size}), weight)
    for preset, size, weight in (
        (Preset.FAST, 256, 2),
        (Preset.BALANCED, 256, 5),
        (Preset.BALANCED, 512, 10),
        (Preset.BALANCED, 1024, 2),
        (Preset.FINE, 512, 1),
    )
]


@dataclass(order=True)
class Job:
    """A job of the day."""

    turn: int
    number: int
    posted: float = 0.0
    work: int = 0
    seconds: float = 0.0
    batch: bool = False
    #: The wait as it was estimated at the post, if it was, and as it was.
    estimate: float | None = None
    wait: float = 0.0


class Day:
    """A day of a service.

    Args:
        seed: determines all that happens.
        workers: the number of workers.
        load: the work of the day, as a share of what the workers can do.
    """

    def __init__(self, seed: int, workers: int, load: float) -> None:
        self._random = random.Random(seed)
        self._workers = workers
        self._load = load
        self._waiting: list[Job] = []
        #: The end of each running job, and the job.
        self._running: list[tuple[float, int, Job]] = []
        self._averages: dict[str, float] = {}
        self._turn = 0
        self._turns: Counter[int] = Counter()
        self.jobs: list[Job] = []

    def run(self) -> list[Job]:
        """Simulate the day, and return the jobs with an estimate that waited for others."""
        for now, count in self._posts():
            self._end_until(now)
            caller = min(int(self._random.paretovariate(0.8)), _CALLERS)
            for _ in range(count):
                self._post(now, caller, batch=count > 1)
        self._end_until(math.inf)
        return [job for job in self.jobs if job.estimate is not None and job.wait > 0]

    def _posts(self) -> list[tuple[float, int]]:
        """Return the times of the posts, and the number of jobs in each."""
        batches, single = (0.02, range(5, 60)), 1
        mean_jobs = 1 - batches[0] + batches[0] * sum(batches[1]) / len(batches[1])
        weights = [weight for _, weight in _JOBS]
        seconds = sum(self._seconds(params) * weight for params, weight in _JOBS) / sum(weights)
        number = self._load * self._workers * _DAY / seconds / mean_jobs
        posts = []
        for _ in range(round(number)):
            # Twice as many posts at three in the afternoon as on average.
            while True:
                at = self._random.uniform(0, _DAY)
                if self._random.random() < (1 - math.cos(2 * math.pi * (at / _DAY - 0.125))) / 2:
                    break
            batch = self._random.random() < batches[0]
            posts.append((at, self._random.choice(batches[1]) if batch else single))
        return sorted(posts)

    def _post(self, now: float, caller: int, *, batch: bool) -> None:
        (params, _), *_ = self._random.choices(_JOBS, [weight for _, weight in _JOBS])
        seconds = self._seconds(params) * math.exp(self._random.gauss(0, _SCATTER))
        turn = self._turns[caller] = max(self._turn, self._turns[caller]) + 1
        job = Job(turn, len(self.jobs), now, _work(params), seconds, batch)
        self.jobs.append(job)
        heapq.heappush(self._waiting, job)
        if self._random.random() < _ESTIMATED:
            job.estimate = self._estimate(now, job)
        self._start(now)

    def _estimate(self, now: float, job: Job) -> float:
        """Return the wait of a job as a client sees it."""
        waiting = sorted(self._waiting)
        running = []
        for end, _, each in self._running:
            rest = (end - now) * math.exp(self._random.gauss(0, _ETA_SCATTER))
            progress = some_progress().model_copy(update={"eta_seconds": round(rest, 1)})
            running.append((each.seconds - (end - now), progress.model_dump_json()))
        forecast = make_forecast(
            _MORNING + timedelta(seconds=now),
            self._workers,
            self._averages.get("seconds:any"),
            running,
            [each.work for each in waiting[:1000]],
            Speed(self._averages),
        )
        return forecast.wait(waiting.index(job)) or 0.0

    def _start(self, now: float) -> None:
        while self._waiting and len(self._running) < self._workers:
            job = heapq.heappop(self._waiting)
            self._turn = max(self._turn, job.turn)
            job.wait = now - job.posted
            heapq.heappush(self._running, (now + job.seconds, job.number, job))

    def _end_until(self, now: float) -> None:
        while self._running and self._running[0][0] <= now:
            end, _, job = heapq.heappop(self._running)
            for name, value in (("seconds:any", job.seconds), ("work:any", float(job.work))):
                before = self._averages.get(name, value)
                self._averages[name] = (1 - _LAST) * before + _LAST * value
            self._start(end)

    def _seconds(self, params: StyleParams) -> float:
        return _work(params) * _PACE


def _work(params: StyleParams) -> int:
    pixels = round(params.size**2 * 0.75)  # a photograph of 4:3
    return work_of(params, JobPictures(pixels, (pixels,)))


def share_right(jobs: list[Job]) -> float:
    """Return the share of the jobs whose estimate was right."""
    right = [
        abs(job.estimate - job.wait) <= max(_RIGHT_WITHIN * job.wait, _RIGHT_SECONDS)
        for job in jobs
        if job.estimate is not None
    ]
    return sum(right) / len(right)


def main() -> None:
    """Print a row for each number of workers and load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    print("| workers | load | jobs | estimated | longest wait, s | right | single | of batches |")
    print("|---|---|---|---|---|---|---|---|")
    for workers, load in ((1, 0.5), (4, 0.5), (4, 0.7)):
        day = Day(seed, workers, load)
        waited = day.run()
        single, of_batches = (
            share_right([job for job in waited if job.batch is batch]) for batch in (False, True)
        )
        print(
            f"| {workers} | {load} | {len(day.jobs)} | {len(waited)} "
            f"| {max(job.wait for job in waited):.0f} | {share_right(waited):.1%} "
            f"| {single:.1%} | {of_batches:.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
