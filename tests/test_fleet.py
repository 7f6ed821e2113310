"""The workers that sleep are workers, and the fleet is computed as it is said."""

from __future__ import annotations

from typing import Any

import pytest

from bench.fleet import run_jobs
from bench.parts import Parts
from bench.plan import Demand, longest, plan
from core.workers import WorkerRegistry

NOTHING = {
    "commands": 0.0,
    "microseconds": 0.0,
    "bytes_in": 0.0,
    "bytes_out": 0.0,
    "bytes_logged": 0.0,
}


def measured(**microseconds: float) -> dict[str, Any]:
    """Figures of a service in which only these calls cost anything."""
    names = [
        *("POST /jobs", "GET /jobs/{id}, queued", "GET /jobs, 20 of them", "claim", "end"),
        *("renewal with progress", "preview", "an api that rests, a second"),
    ]
    calls = {
        name: {**NOTHING, "microseconds": microseconds.get(name.split()[0], 0.0)}
        for name in (*names, "an event, to each api that follows any")
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


def test_a_fleet_is_computed_from_the_costs() -> None:
    demand = Demand(pictures_a_day=864_000, peak=2, gets=5, lists=0)  # 20 a second at the peak
    fleet = plan(measured(POST=1000, renewal=100), demand, seconds=9)
    assert fleet.workers == 200  # 180 run, and a tenth is free
    assert fleet.api_processes == 1  # 20 x (10 + 6 x 1) ms are 0.32 of a core
    assert fleet.redis_alone == pytest.approx(20 * 0.001 + 180 * 4 * 0.0001)
    assert fleet.redis_bytes == pytest.approx(864_000 * (10_000 + 7000) + 180 * 75_000)
    assert fleet.checkpoint_rate == pytest.approx(20 * demand.checkpoint_bytes)


def test_the_longest_job_is_the_last_that_one_redis_bears() -> None:
    figures, demand = measured(renewal=1000), Demand()
    seconds = longest(figures, demand)
    assert plan(figures, demand, seconds).redis_share <= 0.6
    assert plan(figures, demand, seconds + 1).redis_share > 0.6


def test_workers_that_sleep_take_their_jobs_to_the_end() -> None:
    with Parts() as parts:
        parts.have_workers(2)
        found = run_jobs(parts, 2, 0.1)
        workers = WorkerRegistry(parts.redis).live()
    assert found["jobs"] == 6
    assert found["jobs_per_second"] > 0
    assert {worker.device.partition(":")[0] for worker in workers} == {"stand-in"}
