"""How many requests a caller may send in a minute, counted in Redis by all api processes."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, NamedTuple

from core.errors import RedisUnavailable, TooManyRequests

if TYPE_CHECKING:
    from limits.aio.storage import RedisStorage


class _Counted(NamedTuple):
    """Whose requests, and how many are allowed in a minute."""

    caller: str
    limit: int


class Rates:
    """Counts requests over a sliding minute. Belongs to one event loop.

    While a caller's requests are being counted, its next ones gather, and are then counted
    together: an ``await`` on Redis costs more than all else that a poll does.

    Args:
        redis_url: of the server that counts.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._storage: RedisStorage | None = None
        self._gathered: dict[_Counted, list[asyncio.Future[None]]] = {}
        self._counting: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Hang up."""
        if self._storage is not None:
            await self._storage.bridge.get_connection().aclose()  # type: ignore[attr-defined]
            self._storage = None

    async def count(self, caller: str, limit: int) -> None:
        """Count one request.

        Raises:
            TooManyRequests: it is one too many.
            RedisUnavailable: Redis is away.
        """
        counted = _Counted(caller, limit)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if counted in self._gathered:
            self._gathered[counted].append(future)
        else:
            self._gathered[counted] = [future]
            task = asyncio.create_task(self._count(counted))
            self._counting.add(task)  # or nobody would hold it
            task.add_done_callback(self._counting.discard)
        await future

    async def _count(self, counted: _Counted) -> None:
        futures: list[asyncio.Future[None]] = []
        try:
            while futures := self._gathered[counted]:
                self._gathered[counted] = []
                await self._settle(counted, futures)
        finally:
            for future in (*futures, *self._gathered.pop(counted)):
                future.cancel()  # where it was not settled: nobody may wait for ever

    async def _settle(self, counted: _Counted, futures: list[asyncio.Future[None]]) -> None:
        from redis.exceptions import OutOfMemoryError, RedisError

        refusal: Exception | None = None
        allowed = 0
        try:
            allowed, again_at = await self._hit(counted, len(futures))
            refusal = TooManyRequests(
                f"more than the {counted.limit} requests a minute that you are allowed",
                retry_after=min(max(math.ceil(again_at - time.time()), 1), 60),
            )
        except OutOfMemoryError:
            allowed = len(futures)  # it counts nothing, but it can still be asked about jobs
        except RedisError as error:
            refusal = RedisUnavailable(f"Redis cannot count requests: {error}")
        for place, future in enumerate(futures):
            if future.done():
                continue  # its client has gone
            if refusal is None or place < allowed:
                future.set_result(None)
            else:
                future.set_exception(refusal)

    async def _hit(self, counted: _Counted, requests: int) -> tuple[int, float]:
        """Count so many requests: how many of them are allowed, and when there is room again."""
        from limits import RateLimitItemPerMinute
        from limits.aio.strategies import SlidingWindowCounterRateLimiter

        if self._storage is None:
            self._storage = _open(self._redis_url)
        limiter = SlidingWindowCounterRateLimiter(self._storage)
        item = RateLimitItemPerMinute(counted.limit)
        if await limiter.hit(item, counted.caller, cost=requests):
            return requests, 0.0
        allowed = 0
        while allowed < requests - 1 and await limiter.hit(item, counted.caller):
            allowed += 1
        again_at, _ = await limiter.get_window_stats(item, counted.caller)
        return allowed, again_at


def _open(redis_url: str) -> RedisStorage:
    """Imports and connects late: importing the api stays quick."""
    from limits.aio.storage import RedisStorage
    from redis.asyncio.retry import Retry
    from redis.backoff import ConstantBackoff

    return RedisStorage(
        _with_scheme(redis_url),
        implementation="redispy",
        key_prefix="easel:rate",
        socket_timeout=5,
        socket_connect_timeout=2,
        retry=Retry(ConstantBackoff(0.05), retries=1),  # type: ignore[arg-type]
    )


def _with_scheme(redis_url: str) -> str:
    """As the library writes it; it only knows what begins with ``redis``."""
    return f"async+redis+{redis_url}" if redis_url.startswith("unix:") else f"async+{redis_url}"
