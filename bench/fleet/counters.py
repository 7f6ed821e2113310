"""The cost of an operation for the Redis server, by the server's own counters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from redis import Redis


@dataclass(frozen=True)
class Cost:
    """The cost of one call, of one second, or of a period."""

    #: Commands that clients or scripts ran.
    commands: float
    #: Processor time of the server's main thread, which is the one that saturates.
    microseconds: float
    bytes_in: float
    bytes_out: float
    #: Bytes appended to the append-only file.
    bytes_logged: float

    def __sub__(self, other: Cost) -> Cost:
        return _combined(self, other, lambda one, two: one - two)

    def __mul__(self, factor: float) -> Cost:
        return _combined(self, self, lambda one, _: one * factor)

    def rounded(self) -> dict[str, float]:
        return {name: round(value, 1) for name, value in asdict(self).items()}


def _combined(one: Cost, two: Cost, operation: Callable[[float, float], float]) -> Cost:
    return Cost(*(operation(a, b) for a, b in zip(_values(one), _values(two), strict=True)))


def _values(cost: Cost) -> list[float]:
    return list(asdict(cost).values())


@dataclass
class Spent:
    """The cost of the period that ``watching`` measured."""

    seconds: float = 0
    cost: Cost = field(default_factory=lambda: Cost(0, 0, 0, 0, 0))

    def each(self, count: float, idle: Cost | None = None) -> Cost:
        """Return the cost of one of ``count`` calls, less the cost of idle seconds."""
        cost = self.cost if idle is None else self.cost - idle * self.seconds
        return cost * (1 / count)

    @property
    def busy(self) -> float:
        """The share of one core that the server's main thread took, from 0 to 1."""
        return self.cost.microseconds / 1e6 / self.seconds


def _now(redis: Redis) -> Cost:
    info = redis.info("everything")
    processor = info["used_cpu_user_main_thread"] + info["used_cpu_sys_main_thread"]
    return Cost(
        sum(stat["calls"] for name, stat in info.items() if name.startswith("cmdstat_")),
        processor * 1e6,
        info["total_net_input_bytes"],
        info["total_net_output_bytes"],
        info.get("aof_current_size", 0),
    )


@contextmanager
def watching(redis: Redis) -> Iterator[Spent]:
    """Measure what the server does within the block."""
    spent = Spent()
    first = _now(redis)
    began = time.monotonic()
    before = _now(redis)
    yield spent
    spent.seconds = time.monotonic() - began
    spent.cost = _now(redis) - before - (before - first)  # less the cost of the INFO command


def stored(redis: Redis) -> int:
    """Return the memory of the data in bytes, except the stream of all events, which is short."""
    events: Any = redis.memory_usage("easel:events", samples=0)
    return int(redis.info("memory")["used_memory_dataset"]) - int(events or 0)
