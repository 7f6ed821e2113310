"""The fleet for a number of pictures a day, computed from the measured figures.

The figures are in ``docs/scale.json``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DAY = 86_400

#: The share of a core that a process may use at the peak.
_SHARE = 0.6


@dataclass(frozen=True)
class Demand:
    """The load, and how clients behave. These are assumptions, not measurements."""

    pictures_a_day: float = 1_000_000
    #: The rate at the peak, relative to the mean.
    peak: float = 3.0
    #: A photograph and a style.
    upload_bytes: float = 700_000
    #: A PNG of 512 x 410, and the JPEG that is shown while the job runs.
    result_bytes: float = 380_000
    preview_bytes: float = 65_000
    #: Requests for each picture, in addition to the POST and one event stream, which is followed
    #: with its previews to the end.
    gets: float = 5.0
    lists: float = 0.2
    #: How long files are kept, and then their records, in days. These are the defaults.
    retention_days: float = 1.0
    record_days: float = 7.0
    #: The picture with the state of the optimiser: L-BFGS at 512 x 384, 21 pictures in float32.
    checkpoint_bytes: float = 21 * 512 * 384 * 3 * 4
    checkpoint_seconds: float = 5.0

    @property
    def mean(self) -> float:
        """Pictures a second, on average."""
        return self.pictures_a_day / DAY


@dataclass(frozen=True)
class Fleet:
    """The required machines. Rates are per second at the peak."""

    workers: int
    #: 0 where no number is enough.
    api_processes: int
    #: The load of Redis as a share of one core, if each call costs as much as a single one, and
    #: if it costs as much as one among many.
    redis_alone: float
    redis_share: float
    redis_bytes: float
    #: Bytes appended to the append-only file.
    log_bytes: float
    redis_in: float
    redis_out: float
    #: Bytes of checkpoints written to the blob store.
    checkpoint_rate: float


def plan(figures: Mapping[str, Any], demand: Demand, seconds: float) -> Fleet:
    """Compute the fleet for jobs of one length.

    Args:
        figures: the measured figures.
        demand: the load.
        seconds: the time of a worker for one picture.
    """
    calls = figures["costs"]["calls"]
    rate = demand.mean * demand.peak
    running = rate * seconds
    workers = math.ceil(running / 0.9)  # a tenth is idle, so that few jobs wait
    # Progress four times a second, a preview every second, and the acceptance, start and end.
    events = rate * 3 + running * 5
    apis = api_processes(figures, demand, seconds)

    def total(kind: str) -> float:
        """Return one kind of cost a second."""
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
            + apis * events * calls["an event, to each API process that follows any job"][kind]
            + apis * calls["an idle API process, a second"][kind]
        )

    memory = figures["costs"]["memory"]
    kept = demand.pictures_a_day * (
        demand.retention_days * memory["finished_bytes"]
        + demand.record_days * memory["expired_bytes"]
    )
    saved = math.floor(seconds / demand.checkpoint_seconds)
    return Fleet(
        workers=workers,
        api_processes=apis,
        redis_alone=total("microseconds") / 1e6,
        redis_share=total("microseconds") / 1e6 * crowd(figures),
        redis_bytes=kept + running * (memory["finished_bytes"] + demand.preview_bytes),
        log_bytes=total("bytes_logged"),
        redis_in=total("bytes_in"),
        redis_out=total("bytes_out") + rate * seconds * demand.preview_bytes,
        checkpoint_rate=rate * saved * demand.checkpoint_bytes,
    )


def crowd(figures: Mapping[str, Any]) -> float:
    """Return the cost of a call among many, relative to that of a single call.

    A single call wakes the server and causes a write to the disk of its own. The ratio was
    measured with renewals, and is assumed for all calls.
    """
    alone = figures["costs"]["calls"]["renewal with progress"]["microseconds"]
    return float(figures["saturation"]["always"]["microseconds_each"] / alone)


def api_processes(figures: Mapping[str, Any], demand: Demand, seconds: float) -> int:
    """Return the required number of API processes, or 0 where no number is enough.

    Each process reads the events of all jobs, so more processes do not reduce that part.
    """
    cost = figures["costs"]["api_processor_ms"]
    rate = demand.mean * demand.peak
    events = rate * 3 + rate * seconds * 5
    reading = events * figures["saturation"]["following_ms"] / 1000
    sending = events * max(0.0, cost["event"] - cost["event of another job"]) / 1000
    answering = rate * (
        cost["POST /jobs"]
        + (demand.gets + 1) * cost["GET /jobs/{id}, queued"]
        + demand.lists * cost["GET /jobs, 20 of them"]
    )
    free = _SHARE - reading
    return math.ceil((answering / 1000 + sending) / free) if free > 0 else 0


def longest(figures: Mapping[str, Any], demand: Demand) -> float:
    """Return the longest job, in seconds, whose fleet one Redis can serve at the peak."""
    seconds = 1.0
    while seconds < 3600 and plan(figures, demand, seconds + 1).redis_share < _SHARE:
        seconds += 1
    return seconds


def blob_bytes(demand: Demand) -> float:
    """Return the bytes of uploads, results and previews that a day adds."""
    bytes_each = demand.upload_bytes + demand.result_bytes + demand.preview_bytes
    return demand.pictures_a_day * bytes_each


def traffic(demand: Demand, seconds: float) -> tuple[float, float]:
    """Return the bytes a second from and to clients at the peak."""
    rate = demand.mean * demand.peak
    shown = demand.preview_bytes * seconds
    # An event contains the job as JSON: two kilobytes.
    return rate * demand.upload_bytes, rate * (demand.result_bytes + shown + 2000 * 5 * seconds)
