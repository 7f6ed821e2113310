"""What something costs the Redis server, by what the server counts itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from redis import Redis


@dataclass(frozen=True)
class Cost:
    """Of one call, one second, or a while."""

    #: Run by clients or by scripts.
    commands: float
    #: Of the server's main thread, which is the one that saturates.
    microseconds: float
    bytes_in: float
    bytes_out: float
    #: Appended to its file.
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
    """What was spent while it was looked at."""

    seconds: float = 0
    cost: Cost = field(default_factory=lambda: Cost(0, 0, 0, 0, 0))

    def each(self, count: float, idle: Cost | None = None) -> Cost:
        """Of one of so many, without what is spent in any case in a second."""
        cost = self.cost if idle is None else self.cost - idle * self.seconds
        return cost * (1 / count)

    @property
    def busy(self) -> float:
        """The part of one core that the server's main thread took."""
        return self.cost.microseconds / 1e6 / self.seconds


def _now(redis: Redis) -> Cost:
    found = redis.info("everything")
    processor = found["used_cpu_user_main_thread"] + found["used_cpu_sys_main_thread"]
    return Cost(
        sum(stat["calls"] for name, stat in found.items() if name.startswith("cmdstat_")),
        processor * 1e6,
        found["total_net_input_bytes"],
        found["total_net_output_bytes"],
        found.get("aof_current_size", 0),
    )


@contextmanager
def watching(redis: Redis) -> Iterator[Spent]:
    """Count what the server does meanwhile."""
    spent = Spent()
    first = _now(redis)
    began = time.monotonic()
    before = _now(redis)
    yield spent
    spent.seconds = time.monotonic() - began
    spent.cost = _now(redis) - before - (before - first)  # the look itself costs something


def stored(redis: Redis) -> int:
    """The bytes of memory that its data take, but for the stream of all events, which is short."""
    events: Any = redis.memory_usage("easel:events", samples=0)
    return int(redis.info("memory")["used_memory_dataset"]) - int(events or 0)
