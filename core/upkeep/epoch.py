"""Since when this Redis has been told of every blob that was written.

A blob that no record names is litter, if its record would be here. It is not if Redis
came back empty, or with yesterday's data, or knew nothing of the store before: then
the records may yet be brought back, and pictures removed meanwhile would be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from core.runtime.redis import needs_redis

if TYPE_CHECKING:
    from redis import Redis

SWEEPS = "easel:sweeps"  # hash: since (when), last (sweep), unknown (blobs that it has left)

#: An api that runs sweeps every few minutes; a longer silence is one that cannot be vouched for.
SILENCE_SECONDS = 3600.0


class Witness:
    """Remembers the sweeps in the Redis that has the records, so that both are lost together.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @needs_redis
    def since(self, now: float) -> float:
        """From when on the record of every blob that was written must have come to this Redis.

        Args:
            now: seconds since 1970 by the server's clock.
        """
        found = cast(dict[str, str], self._redis.hgetall(SWEEPS))
        since = vouched_since(found, now)
        self._redis.hset(SWEEPS, mapping={"since": since, "last": now})
        return since

    @needs_redis
    def swept(self, now: float, unknown: int) -> None:
        """Say that a sweep has ended, and how many blobs it left that no record explains."""
        self._redis.hset(SWEEPS, mapping={"last": now, "unknown": unknown})


def vouched_since(sweeps: dict[str, str], now: float) -> float:
    """When the unbroken row of sweeps began that has come up to now.

    Args:
        sweeps: what was remembered of them; empty in a Redis that is new to the store.
        now: in the same seconds.
    """
    if not sweeps or now - float(sweeps["last"]) > SILENCE_SECONDS:
        return now
    return float(sweeps["since"])
