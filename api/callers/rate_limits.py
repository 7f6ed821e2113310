"""Requests per minute and caller, counted in Redis for all API processes together."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, NamedTuple

from fastapi import Request

from api.deps import services_of
from core.errors import RedisUnavailable, TooManyRequests
from core.runtime.redis import connect_async

if TYPE_CHECKING:
    from limits.aio.storage import RedisStorage
    from redis.asyncio import Redis

#: Connections for counting; each caller uses one at a time.
_CONNECTIONS = 8


async def count_request(request: Request, caller: str, limit: int | None = None) -> None:
    """Count a request against a caller's limit.

    Args:
        request: the request.
        caller: what the limit counts by.
        limit: the requests allowed in a minute; None: the limit in the settings.

    Raises:
        TooManyRequests: the caller exceeded the limit.
    """
    limit = limit or services_of(request).settings.max_requests_per_minute
    await request.app.state.rate_limiter.count(caller, limit)


class _Budget(NamedTuple):
    """A caller, and the requests that it may send in a minute."""

    caller: str
    limit: int


class RateLimiter:
    """Counts requests over a sliding minute. Belongs to one event loop.

    Requests of a caller that arrive while its earlier ones are being counted are collected
    and counted together: waiting for Redis costs more than everything else that a poll does.

    Args:
        redis_url: the URL of the Redis server that holds the counts.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = connect_async(redis_url, connections=_CONNECTIONS, decode=False)
        self._storage: RedisStorage | None = None
        self._pending: dict[_Budget, list[asyncio.Future[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._redis.aclose()

    async def count(self, caller: str, limit: int) -> None:
        """Count one request.

        Raises:
            TooManyRequests: the request exceeds the limit.
            RedisUnavailable: Redis cannot be reached.
        """
        budget = _Budget(caller, limit)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if budget in self._pending:
            self._pending[budget].append(future)
        else:
            self._pending[budget] = [future]
            task = asyncio.create_task(self._count(budget))
            self._tasks.add(task)  # the event loop keeps only a weak reference
            task.add_done_callback(self._tasks.discard)
        await future

    async def _count(self, budget: _Budget) -> None:
        futures: list[asyncio.Future[None]] = []
        try:
            while futures := self._pending[budget]:
                self._pending[budget] = []
                await self._settle(budget, futures)
        finally:
            for future in (*futures, *self._pending.pop(budget)):
                future.cancel()  # no effect on settled ones; no request may wait forever

    async def _settle(self, budget: _Budget, futures: list[asyncio.Future[None]]) -> None:
        from redis.exceptions import OutOfMemoryError, RedisError

        refusal: Exception | None = None
        allowed = 0
        try:
            allowed, next_slot_at = await self._hit(budget, len(futures))
            refusal = TooManyRequests(
                f"too many requests; the limit is {budget.limit} requests a minute",
                retry_after=min(max(math.ceil(next_slot_at - time.time()), 1), 60),
            )
        except RedisError as error:
            # A Redis whose memory or disk is full cannot count, but it can still serve reads.
            if isinstance(error, OutOfMemoryError) or "MISCONF" in str(error):
                allowed = len(futures)
            else:
                refusal = RedisUnavailable(f"Redis cannot count requests: {error}")
        for index, future in enumerate(futures):
            if future.done():
                continue  # its client has disconnected
            if refusal is None or index < allowed:
                future.set_result(None)
            else:
                future.set_exception(refusal)

    async def _hit(self, budget: _Budget, requests: int) -> tuple[int, float]:
        """Count requests.

        Returns:
            How many of them are allowed, and the Unix time at which the next one will be.
        """
        from limits import RateLimitItemPerMinute
        from limits.aio.strategies import SlidingWindowCounterRateLimiter

        if self._storage is None:
            self._storage = _open(self._redis)
        limiter = SlidingWindowCounterRateLimiter(self._storage)
        item = RateLimitItemPerMinute(budget.limit)
        if await limiter.hit(item, budget.caller, cost=requests):
            return requests, 0.0
        allowed = 0
        while allowed < requests - 1 and await limiter.hit(item, budget.caller):
            allowed += 1
        next_slot_at, _ = await limiter.get_window_stats(item, budget.caller)
        return allowed, next_slot_at


def _open(redis: Redis) -> RedisStorage:
    """Return the storage of the counts. The import is deferred, so importing the API is fast."""
    from limits.aio.storage import RedisStorage

    pool = redis.connection_pool
    return RedisStorage(
        "async+redis://",  # ignored: the pool knows the server
        implementation="redispy",
        key_prefix="easel:rate",
        connection_pool=pool,  # type: ignore[arg-type]
    )
