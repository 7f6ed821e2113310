"""Which workers are alive: each says so every few seconds, and is forgotten when it stops."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from core.params.choices import Precision
from core.runtime.redis import needs_redis

if TYPE_CHECKING:
    from redis import Redis

_logger = logging.getLogger(__name__)

#: How often a worker says that it is alive, and after how long it is forgotten.
HEARTBEAT_SECONDS = 3
FORGET_SECONDS = 10

SEEN = "easel:workers:seen"  # sorted set: worker id by the time it was last seen
_INFO = "easel:workers:info"  # hash: what each said of itself


class WorkerInfo(BaseModel):
    """What a worker says of itself."""

    model_config = ConfigDict(frozen=True)

    id: str
    device: str
    networks: tuple[str, ...]
    #: Of the device that it computes on; None where that is not known.
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    #: What it computes in where a job asks for `auto`; None where that is not known.
    precision: Precision | None = None
    #: What its process holds of the host's memory.
    resident_bytes: int | None = None
    #: The optimiser's steps since it was started, and how many a second of late.
    steps: int | None = None
    steps_per_second: float | None = None
    #: The job that it runs now.
    job_id: str | None = None


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
            list[str], self._redis.zrange(SEEN, "-inf", now - FORGET_SECONDS, byscore=True)
        )
        with self._redis.pipeline() as pipeline:
            if silent:
                pipeline.zrem(SEEN, *silent)
                pipeline.hdel(_INFO, *silent)
            pipeline.zadd(SEEN, {worker.id: now})
            pipeline.hset(_INFO, worker.id, worker.model_dump_json())
            pipeline.execute()

    @needs_redis
    def withdraw(self, worker: WorkerInfo) -> None:
        """Say that a worker has stopped."""
        with self._redis.pipeline() as pipeline:
            pipeline.zrem(SEEN, worker.id)
            pipeline.hdel(_INFO, worker.id)
            pipeline.execute()

    @needs_redis
    def live(self) -> list[WorkerInfo]:
        """The workers that were heard of lately."""
        since = self._now() - FORGET_SECONDS
        ids = cast(list[str], self._redis.zrange(SEEN, since, "+inf", byscore=True))
        found = cast("list[str | None]", self._redis.hmget(_INFO, ids)) if ids else []
        return [info for text in found if text is not None and (info := _read(text))]

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6
