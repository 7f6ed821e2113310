"""Writes ``docs/scale.md`` from ``docs/scale.json``: ``python -m bench.fleet.page``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from bench.fleet.plan import DAY, Demand, blob_bytes, crowd, longest, plan, traffic
from bench.service.processes import ROOT

_DOCS = ROOT / "docs"
FIGURES, PAGE = _DOCS / "scale.json", _DOCS / "scale.md"
_TEXT = Path(__file__).with_name("page.txt")

_LENGTHS = (2, 5, 10, 20, 60)

_GB = 1e9
_MB = 1e6


def _table(head: str, rows: Iterable[Iterable[object]]) -> str:
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|" + "---|" * columns]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _workers(rows: list[dict[str, float]]) -> str:
    """Return the table of throughput, relative to the first row's single worker."""
    alone = rows[0]["jobs_per_second"] / rows[0]["workers"]
    return _table(
        "workers | jobs | jobs a second | of linear | between jobs, ms | "
        "Redis, of a core | cores busy | cores of other programs",
        (
            (
                row["workers"],
                row["jobs"],
                f"{row['jobs_per_second']:.2f}",
                f"{100 * row['jobs_per_second'] / alone / row['workers']:.1f} %",
                round(1000 * row["gap_seconds"]),
                f"{100 * row['redis_busy']:.1f} %",
                row["cores_busy"],
                max(0.0, row["cores_busy_elsewhere"]),
            )
            for row in rows
        ),
    )


def _overhead(rows: list[dict[str, float]]) -> list[float]:
    """Return the seconds that a worker loses with each job, in addition to its sleep."""
    return [row["workers"] / row["jobs_per_second"] - row["job_seconds"] for row in rows]


def _linear_from(rows: list[dict[str, float]], part: float) -> float:
    """Return the length of a job from which the last row reaches this part of linear."""
    alone, *_, most = _overhead(rows)
    return (part * most - alone) / (1 - part)


def _queue_calls(figures: Mapping[str, Any]) -> str:
    """Return the table of the server's milliseconds for each call, earlier and now."""
    names = {
        "load": "read the load, for admission",
        "create": "create a job, with admission",
        "claim": "claim a job",
        "list": "list 20 jobs",
        "statistics": "what /metrics reads",
        "sweep": "look for lost jobs and messages (with the time of the process itself)",
    }
    rows = [
        (
            text,
            *(
                figures[when][count][name][0 if name == "sweep" else 1]
                for when in ("before", "after")
                for count in ("1000", "100000")
            ),
        )
        for name, text in names.items()
    ]
    return _table("ms | 1000 queued, earlier | 100,000, earlier | 1000, now | 100,000, now", rows)


def _waits(figures: Mapping[str, float]) -> str:
    return (
        "A job that is posted while workers are idle starts after "
        f"{1000 * figures['median']:.0f} ms in the median of ten."
    )


def _lengths(figures: Mapping[str, Any]) -> str:
    rows: list[dict[str, float]] = figures["lengths"]["rows"]
    return _table(
        "seconds a job sleeps | jobs a second | of the possible maximum | cores busy | "
        "cores of other programs",
        (
            (
                row["job_seconds"],
                f"{row['jobs_per_second']:.1f}",
                f"{100 * row['jobs_per_second'] * row['job_seconds'] / row['workers']:.0f} %",
                row["cores_busy"],
                max(0.0, row["cores_busy_elsewhere"]),
            )
            for row in rows
        ),
    )


def _depths(figures: Mapping[str, Any]) -> str:
    rows: list[dict[str, float]] = figures["depths"]["rows"]
    return _table(
        "queued | between jobs, ms | at most | POST, ms | GET | list | /metrics | "
        "memory of Redis, MB",
        (
            (
                f"{row['queued']:,}",
                round(1000 * row["gap_median"]),
                round(1000 * row["gap_most"]),
                *(row[f"{name}_ms"] for name in ("post", "get", "list", "metrics")),
                row["memory_mb"],
            )
            for row in rows
        ),
    )


def _calls(figures: Mapping[str, Any]) -> str:
    costs = {
        **figures["costs"]["calls"],
        "an idle worker, a second": figures["workers"]["idle_worker_second"],
    }
    return _table(
        "call | commands | µs of Redis | bytes to Redis | from Redis | to its log",
        ((name, *(round(value) for value in cost.values())) for name, cost in costs.items()),
    )


def _fleets(figures: Mapping[str, Any], demand: Demand) -> str:
    rows = []
    for seconds in _LENGTHS:
        fleet = plan(figures, demand, seconds)
        inwards, outwards = traffic(demand, seconds)
        rows.append(
            (
                seconds,
                fleet.workers,
                fleet.api_processes,
                f"{100 * fleet.redis_share:.0f} % to {100 * fleet.redis_alone:.0f} %",
                f"{fleet.redis_bytes / _GB:.0f} GB",
                f"{fleet.log_bytes / _MB:.0f} MB/s",
                f"{fleet.redis_in / _MB:.0f} / {fleet.redis_out / _MB:.0f} MB/s",
                f"{fleet.checkpoint_rate / _MB:.0f} MB/s",
                f"{inwards / _MB:.0f} / {outwards / _MB:.0f} MB/s",
            )
        )
    return _table(
        "seconds a picture | workers | API processes | Redis, of a core | its memory | "
        "its log | its network, in / out | checkpoints | clients, in / out",
        rows,
    )


def page(figures: Mapping[str, Any]) -> str:
    """Return the page: its template filled with the figures and what follows from them."""
    demand, cost = Demand(), figures["costs"]
    busy = figures["saturation"]
    rare = Demand(checkpoint_seconds=60)
    short = Demand(record_days=1)
    blobs = blob_bytes(demand)
    return Template(_TEXT.read_text()).substitute(
        machine=f"{figures['machine']['cores']} cores, {figures['machine']['measured']}",
        most=figures["workers"]["rows"][-1]["workers"],
        workers=_workers(figures["workers"]["rows"]),
        waits=_waits(figures["workers"]["wait_when_idle"]),
        lengths=_lengths(figures),
        lost=f"{1000 * _overhead(figures['workers']['rows'])[-1]:.0f}",
        lost_alone=f"{1000 * _overhead(figures['workers']['rows'])[0]:.0f}",
        even=f"{_linear_from(figures['workers']['rows'], 0.95):.1f}",
        queue_calls=_queue_calls(figures["queue_calls"]),
        depths=_depths(figures),
        calls=_calls(figures),
        processor=_table("call | ms of a core", cost["api_processor_ms"].items()),
        following=f"{1000 * busy['following_ms']:.0f}",
        always=busy["always"]["renewals_per_second"],
        always_busy=f"{100 * busy['always']['redis_busy']:.0f}",
        everysec=busy["everysec"]["renewals_per_second"],
        each=busy["always"]["microseconds_each"],
        crowd=f"{100 * crowd(figures):.0f}",
        **{name: f"{value:,}" for name, value in cost["memory"].items()},
        mean=f"{demand.mean:.1f}",
        peak=f"{demand.mean * demand.peak:.0f}",
        fleets=_fleets(figures, demand),
        longest=f"{longest(figures, demand):.0f}",
        blobs=f"{blobs / _GB:,.0f}",
        blob_rate=f"{blobs / DAY / _MB:.0f}",
        rare=f"{plan(figures, rare, 20).checkpoint_rate / _MB:.0f}",
        usual=f"{plan(figures, demand, 20).checkpoint_rate / _MB:,.0f}",
        checkpoint=f"{demand.checkpoint_bytes / _MB:.0f}",
        memory=f"{plan(figures, demand, 20).redis_bytes / _GB:.0f}",
        memory_short=f"{plan(figures, short, 20).redis_bytes / _GB:.0f}",
        sweep=f"{cost['sweep_us_per_record']:.0f}",
        sweep_minutes=f"{8e6 * cost['sweep_us_per_record'] / 6e7:.0f}",
        sweep_short=f"{2e6 * cost['sweep_us_per_record'] / 6e7:.0f}",
    )


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(FIGURES.read_text())))
