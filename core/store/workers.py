"""Which workers are alive: each says so every few seconds, and is forgotten when it stops."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError

from core.jobs.workers import WorkerInfo
from core.runtime.redis import needs_redis
from core.store.keys import WORKERS_INFO, WORKERS_SEEN

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: How often a worker says that it is alive, and after how long it is forgotten.
HEARTBEAT_SECONDS = 3
FORGET_SECONDS = 10


def _read(text: str) -> WorkerInfo | None:
    """What a worker said; None for one of another version that says it too differently."""
    try:
        return WorkerInfo.model_validate_json(text)
    except ValidationError as error:
        _logger.warning("a worker is not understood", extra={"reason": str(error)})
        return None


class WorkerRegistry:
    """The workers that are alive, by the server's clock.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @needs_redis
    def announce(self, worker: WorkerInfo) -> None:
        """Say that a worker is alive, and forget those that fell silent."""
        now = self._now()
        silent = cast(
            list[str], self._redis.zrange(WORKERS_SEEN, "-inf", now - FORGET_SECONDS, byscore=True)
        )
        with self._redis.pipeline() as pipeline:
            if silent:
                pipeline.zrem(WORKERS_SEEN, *silent)
                pipeline.hdel(WORKERS_INFO, *silent)
            pipeline.zadd(WORKERS_SEEN, {worker.id: now})
            pipeline.hset(WORKERS_INFO, worker.id, worker.model_dump_json())
            pipeline.execute()

    @needs_redis
    def withdraw(self, worker: WorkerInfo) -> None:
        """Say that a worker has stopped."""
        with self._redis.pipeline() as pipeline:
            pipeline.zrem(WORKERS_SEEN, worker.id)
            pipeline.hdel(WORKERS_INFO, worker.id)
            pipeline.execute()

    @needs_redis
    def live(self) -> list[WorkerInfo]:
        """The workers that were heard of lately."""
        since = self._now() - FORGET_SECONDS
        ids = cast(list[str], self._redis.zrange(WORKERS_SEEN, since, "+inf", byscore=True))
        found = cast("list[str | None]", self._redis.hmget(WORKERS_INFO, ids)) if ids else []
        return [info for text in found if text is not None and (info := _read(text))]

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6
