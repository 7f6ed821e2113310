"""The fleet for so many pictures a day, from what was measured (``docs/scale.json``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DAY = 86_400

#: How much of a core a process may be given at the peak.
_SHARE = 0.6


@dataclass(frozen=True)
class Demand:
    """What is asked for, and how clients behave. None of it was measured."""

    pictures_a_day: float = 1_000_000
    #: How much more come at the peak than in the mean.
    peak: float = 3.0
    #: What a client sends: a photograph and a style.
    upload_bytes: float = 700_000
    #: A PNG of 512 x 410, and the JPEG that is shown while it is made.
    result_bytes: float = 380_000
    preview_bytes: float = 65_000
    #: Calls for each picture, beside the POST and one stream of events, which is followed
    #: with its previews to the end.
    gets: float = 5.0
    lists: float = 0.2
    #: How long files are kept, and records after them, in days; the defaults.
    retention_days: float = 1.0
    record_days: float = 7.0
    #: The image with its optimiser's state: L-BFGS at 512 x 384, 21 pictures in float32.
    checkpoint_bytes: float = 21 * 512 * 384 * 3 * 4
    checkpoint_seconds: float = 5.0

    @property
    def mean(self) -> float:
        """Pictures a second."""
        return self.pictures_a_day / DAY


@dataclass(frozen=True)
class Fleet:
    """What is needed. Rates are those of the peak, but for what a day brings."""

    seconds: float
    workers: int
    api_processes: int
    #: Of one core, for Redis: if each call were made alone, and as cheap as in a crowd.
    redis_alone: float
    redis_share: float
    redis_bytes: float
    #: Appended a second.
    log_bytes: float
    redis_in: float
    redis_out: float
    #: Written to the blob store a second for checkpoints.
    checkpoint_rate: float
    events: float


def plan(figures: Mapping[str, Any], demand: Demand, seconds: float) -> Fleet:
    """The fleet for jobs of that length.

    Args:
        figures: what was measured.
        demand: what is asked for.
        seconds: that a worker takes for one picture, all in all.
    """
    calls = figures["costs"]["calls"]
    rate = demand.mean * demand.peak
    running = rate * seconds
    workers = math.ceil(running / 0.9)  # a tenth is free, so that few jobs wait
    # Progress four times a second, a preview every second, and start, end and acceptance.
    events = rate * 3 + running * 5
    apis = api_processes(figures, demand, seconds)

    def total(kind: str) -> float:
        """Of one kind of cost a second."""
        once = (
            calls["POST /jobs"][kind]
            + demand.gets * calls["GET /jobs/{id}, queued"][kind]
            + demand.lists * calls["GET /jobs, 20 of them"][kind]
            + calls["claim"][kind]
            + calls["end"][kind]
        )
        each_second = 4 * calls["renewal with progress"][kind] + calls["preview"][kind]
        return float(
            rate * once
            + running * each_second
            + workers * figures["workers"]["idle_worker_second"][kind]
            + apis * events * calls["an event, to each api that follows any"][kind]
            + apis * calls["an api that rests, a second"][kind]
        )

    memory = figures["costs"]["memory"]
    kept = demand.pictures_a_day * (
        demand.retention_days * memory["finished_bytes"]
        + demand.record_days * memory["expired_bytes"]
    )
    saved = math.floor(seconds / demand.checkpoint_seconds)
    return Fleet(
        seconds=seconds,
        workers=workers,
        api_processes=apis,
        redis_alone=total("microseconds") / 1e6,
        redis_share=total("microseconds") / 1e6 * crowd(figures),
        redis_bytes=kept + running * (memory["finished_bytes"] + demand.preview_bytes),
        log_bytes=total("bytes_logged"),
        redis_in=total("bytes_in"),
        redis_out=total("bytes_out") + rate * seconds * demand.preview_bytes,
        checkpoint_rate=rate * saved * demand.checkpoint_bytes,
        events=events,
    )


def crowd(figures: Mapping[str, Any]) -> float:
    """What a call costs Redis among many, as a part of what it costs alone.

    Alone, each call wakes the server and has it write to the disk. It was measured with
    renewals, and is taken to hold for all calls.
    """
    alone = figures["costs"]["calls"]["renewal with progress"]["microseconds"]
    return float(figures["saturation"]["always"]["microseconds_each"] / alone)


def api_processes(figures: Mapping[str, Any], demand: Demand, seconds: float) -> int:
    """How many are needed; 0 where no number is enough.

    Each of them reads the events of all jobs, so that part does not get less with more.
    """
    cost = figures["costs"]["api_processor_ms"]
    rate = demand.mean * demand.peak
    each = rate * 3 + rate * seconds * 5
    read = each * figures["saturation"]["following_ms"] / 1000
    told = each * max(0.0, cost["event"] - cost["event of another job"]) / 1000
    asked = rate * (
        cost["POST /jobs"]
        + (demand.gets + 1) * cost["GET /jobs/{id}, queued"]
        + demand.lists * cost["GET /jobs, 20 of them"]
    )
    free = _SHARE - read
    return math.ceil((asked / 1000 + told) / free) if free > 0 else 0


def longest(figures: Mapping[str, Any], demand: Demand) -> float:
    """The longest job, in seconds, whose fleet one Redis serves at the peak."""
    seconds = 1.0
    while seconds < 3600 and plan(figures, demand, seconds + 1).redis_share < _SHARE:
        seconds += 1
    return seconds


def blob_bytes(demand: Demand) -> float:
    """What a day brings, of uploads, results and their previews."""
    each = demand.upload_bytes + demand.result_bytes + demand.preview_bytes
    return demand.pictures_a_day * each


def traffic(demand: Demand, seconds: float) -> tuple[float, float]:
    """Bytes a second from clients and to them, at the peak."""
    rate = demand.mean * demand.peak
    shown = demand.preview_bytes * seconds
    # An event is the Job: two kilobytes.
    return rate * demand.upload_bytes, rate * (demand.result_bytes + shown + 2000 * 5 * seconds)
