"""Whether the Redis server keeps the jobs: settings of the server that an operator must know of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from core.runtime.redis import needs_redis

if TYPE_CHECKING:
    from redis import Redis


def explain(info: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for the operator about each setting that can lose jobs.

    Args:
        info: the reply of ``INFO``.
    """
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield (
            f"Redis has maxmemory-policy {policy}: when its memory is full, it deletes jobs; "
            "expected noeviction"
        )
    if not info.get("aof_enabled", True):
        yield (
            "Redis has appendonly no: when it stops, it loses the jobs since its last snapshot; "
            "expected yes"
        )


class DurabilityCheck:
    """Reads the settings of the server.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @needs_redis
    def warnings(self) -> list[str]:
        """Return the messages; none if the server does not let this user read its settings."""
        from redis.exceptions import NoPermissionError

        try:
            return list(explain(self._redis.info()))
        except NoPermissionError:
            return []
