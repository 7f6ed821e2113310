"""Registry of live workers. Each sends a heartbeat every few seconds, or is removed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError

from core.jobs.workers import WorkerInfo
from core.runtime.redis import needs_redis
from core.store.keys import WORKERS_INFO, WORKERS_OUT_OF_SERVICE, WORKERS_SEEN
from core.store.scripts import script

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: How often a worker sends a heartbeat, and how long it is listed without one.
HEARTBEAT_SECONDS = 3
FORGET_SECONDS = 10


class WorkerRegistry:
    """The live workers, by the server's clock.

    Args:
        redis: a client with ``decode_responses=True``.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._announce = script(redis, "workers/announce")

    @needs_redis
    def announce(self, worker: WorkerInfo) -> None:
        """Record a heartbeat of a worker, and remove the workers without a recent one."""
        self._announce(args=[worker.id, worker.model_dump_json(), FORGET_SECONDS])

    @needs_redis
    def withdraw(self, worker: WorkerInfo) -> None:
        """Remove a worker that stops."""
        with self._redis.pipeline() as pipeline:
            pipeline.zrem(WORKERS_SEEN, worker.id)
            pipeline.hdel(WORKERS_INFO, worker.id)
            pipeline.execute()

    @needs_redis
    def live(self) -> list[WorkerInfo]:
        """Return the workers with a recent heartbeat."""
        since = self._now() - FORGET_SECONDS
        ids = cast(list[str], self._redis.zrange(WORKERS_SEEN, since, "+inf", byscore=True))
        texts = cast("list[str | None]", self._redis.hmget(WORKERS_INFO, ids)) if ids else []
        return [info for text in texts if text is not None and (info := parse_worker(text))]

    @needs_redis
    def announce_out_of_service(self, worker_id: str, reason: str) -> None:
        """Record a heartbeat of a worker that takes no jobs. It is not one of the live workers."""
        now = self._now()
        with self._redis.pipeline() as pipeline:
            pipeline.zadd(WORKERS_OUT_OF_SERVICE, {f"{worker_id}: {reason}": now})
            pipeline.zremrangebyscore(WORKERS_OUT_OF_SERVICE, "-inf", now - FORGET_SECONDS)
            pipeline.execute()

    @needs_redis
    def out_of_service(self) -> list[str]:
        """Return the workers that take no jobs and have a recent heartbeat, with their reasons."""
        since = self._now() - FORGET_SECONDS
        workers = self._redis.zrange(WORKERS_OUT_OF_SERVICE, since, "+inf", byscore=True)
        return cast(list[str], workers)

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6


def parse_worker(text: str) -> WorkerInfo | None:
    """Return a worker's description; None if another version wrote it in an unreadable way."""
    try:
        return WorkerInfo.model_validate_json(text)
    except ValidationError as error:
        _logger.warning("worker ignored: unreadable description", extra={"reason": str(error)})
        return None
