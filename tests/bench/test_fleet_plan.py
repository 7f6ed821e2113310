"""The plan of a fleet follows from the measured costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bench.fleet.plan import Demand, longest, plan
from bench.fleet.throughput import gaps
from core.jobs.job import Inputs, Job, Metrics, Picture
from core.jobs.status import JobStatus
from core.params import StyleParams

NOTHING = {
    "commands": 0.0,
    "microseconds": 0.0,
    "bytes_in": 0.0,
    "bytes_out": 0.0,
    "bytes_logged": 0.0,
}


def measured(**microseconds: float) -> dict[str, Any]:
    """Return the measurements of a service in which only these calls cost anything."""
    names = [
        *("POST /jobs", "GET /jobs/{id}, queued", "GET /jobs, 20 of them", "claim", "end"),
        *("renewal with progress", "preview", "an idle API process, a second"),
    ]
    calls = {
        name: {**NOTHING, "microseconds": microseconds.get(name.split()[0], 0.0)}
        for name in (*names, "an event, to each API process that follows any job")
    }
    processor = {"POST /jobs": 10.0, "GET /jobs/{id}, queued": 1.0, "GET /jobs, 20 of them": 1.0}
    return {
        "costs": {
            "calls": calls,
            "api_processor_ms": {**processor, "event": 0.0, "event of another job": 0.0},
            "memory": {"finished_bytes": 10_000, "expired_bytes": 1000},
        },
        "workers": {"idle_worker_second": NOTHING},
        "saturation": {
            "always": {"microseconds_each": calls["renewal with progress"]["microseconds"]},
            "following_ms": 0.0,
        },
    }


def test_the_plan_follows_from_the_costs() -> None:
    demand = Demand(pictures_a_day=864_000, peak=2, gets=5, lists=0)  # 20 a second at the peak
    fleet = plan(measured(POST=1000, renewal=100), demand, seconds=9)
    assert fleet.workers == 200  # 180 run, and a tenth is free
    assert fleet.api_processes == 1  # 20 x (10 + 6 x 1) ms are 0.32 of a core
    assert fleet.redis_alone == pytest.approx(20 * 0.001 + 180 * 4 * 0.0001)
    assert fleet.redis_bytes == pytest.approx(864_000 * (10_000 + 7000) + 180 * 75_000)
    assert fleet.checkpoint_rate == pytest.approx(20 * demand.checkpoint_bytes)


def test_the_longest_job_is_the_longest_that_one_redis_can_serve() -> None:
    figures, demand = measured(renewal=1000), Demand()
    seconds = longest(figures, demand)
    assert plan(figures, demand, seconds).redis_share <= 0.6
    assert plan(figures, demand, seconds + 1).redis_share > 0.6


def test_a_gap_lasts_from_the_end_of_a_job_to_the_next_start_on_the_same_worker() -> None:
    def run(device: str, start: float, end: float) -> Job:
        picture = Picture(sha256="a" * 64, media_type="image/png", size_bytes=1)
        started, ended = (datetime.fromtimestamp(at, UTC) for at in (start, end))
        return Job(
            id="1",
            status=JobStatus.SUCCEEDED,
            params=StyleParams(),
            inputs=Inputs(content=picture, styles=(picture,)),
            created_at=started,
            started_at=started,
            finished_at=ended,
            metrics=Metrics(optimize_seconds=1, device=device),
        )

    jobs = [run("a", 10, 13), run("b", 0, 20), run("a", 0, 9), run("a", 13.5, 15)]
    assert gaps(jobs) == [0.5, 1.0]
